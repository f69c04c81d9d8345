"""A gateway for tests: in a thread of this process, or as a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.gateway.run import run
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.config import Settings

ROOT = Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)
STOP_SECONDS = 10
"""What an orderly stop may take (reliability: stopping)."""


@contextmanager
def running_gateway(settings: Settings) -> Iterator[str]:
    """Run a gateway in a thread; yields the URL under which callers find containers."""
    started: Future[tuple[str, Callable[[], object]]] = Future()

    async def main() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ready = (lambda: loop.call_soon_threadsafe(stop.set),)
        await run(settings, str(settings.database_url), stop, lambda at: started.set_result((at, *ready)))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, main())
        done.add_done_callback(lambda _: started.cancel())  # one that did not start is not waited for
        try:
            address, stop = started.result()
        except CancelledError:
            done.result()
            raise
        try:
            yield f"ws://{address}/acp"
        finally:
            if not done.done():
                stop()
            done.result()


class GatewayProcess:
    """`flask --app wsgi gateway run`, as an operator starts it."""

    def __init__(self, settings: Settings, port: int | None = None) -> None:
        self.port = port or free_port()
        self.address = f"ws://127.0.0.1:{self.port}"
        self.url = f"{self.address}/acp"
        self._log = settings.data_dir / f"gateway-{next(_numbers)}.log"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CONSOLE_")} | {
            "DATABASE_URL": str(settings.database_url),
            "CONSOLE_SECRET_KEY": str(settings.secret_key),
            "CONSOLE_DATA_DIR": str(settings.data_dir),
            "CONSOLE_GATEWAY_BIND": f"127.0.0.1:{self.port}",
            "CONSOLE_LEASE_SECONDS": str(settings.lease_seconds),
            "CONSOLE_MEMORY_MIB": str(settings.memory_bytes // 2**20),
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flask", "--app", "wsgi", "gateway", "run"],
                cwd=ROOT,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def started(self) -> str:
        """Wait for the line that says where callers are served, and return their URL."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("Gateway: "):
                assert self.url in line
                return self.url
        raise AssertionError(self.log())

    def pause(self) -> None:
        """Let it stand still, as a paused machine does."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it stood."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def terminate(self) -> int:
        """Ask it to stop and return its exit code. Raises subprocess.TimeoutExpired after 10 s."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS)

    def wait(self) -> int:
        """Wait until it ends by itself, and return its exit code."""
        return self._process.wait(PATIENCE)

    def log(self) -> str:
        return self._log.read_text()

    def clear_away(self) -> None:
        self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
