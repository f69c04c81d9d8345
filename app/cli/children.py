"""Child processes that live and end together: started, watched, their output told apart, and stopped."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final

import click

from app.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STOP_SECONDS: Final = 10.0
"""What a child may take to end after SIGTERM; the gateway needs up to 8 s to flush and to release."""
POLL_SECONDS: Final = 0.05
START_SECONDS: Final = 60.0


class ChildDied(ConsoleError):
    """A part of the product has ended. Its last lines above say why; the other parts were stopped."""


class Children:
    """Processes by name. Where util-linux is there, they also end with a parent that was killed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._processes: dict[str, subprocess.Popen[str]] = {}
        setpriv = shutil.which("setpriv")
        self._prefix = [setpriv, "--pdeathsig", "TERM"] if setpriv else []

    def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process in a session of its own: Ctrl-C is for the parent, who stops all in order."""
        process = subprocess.Popen(  # noqa: S603 - commands of our own
            [*self._prefix, *command],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._processes[name] = process
        threading.Thread(target=_echo, args=(name, process), daemon=True).start()

    def wait_until(self, name: str, ready: Callable[[], bool], stopping: threading.Event) -> None:
        """Wait until a child is ready, or all are to stop.

        Raises:
            ChildDied: one of them ended, or was not ready in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while not stopping.wait(POLL_SECONDS) and not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ChildDied(f"{name} was not ready within {START_SECONDS:.0f} s")

    def check(self) -> None:
        """Raise ChildDied if one has ended."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise ChildDied(f"{name} ended with exit code {process.returncode}")

    def stop(self) -> None:
        """Ask all to end, the last started first to be asked, and kill what does not."""
        for process in reversed(self._processes.values()):
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for name, process in self._processes.items():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                click.echo(f"{name} did not stop within {STOP_SECONDS:.0f} s and is killed", err=True)
                process.kill()
                process.wait()


def _echo(name: str, process: subprocess.Popen[str]) -> None:
    for line in process.stdout or ():
        click.echo(f"[{name}] {line.rstrip()}", err=True)
