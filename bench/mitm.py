"""mitmproxy in reverse mode, as people put it between a caller and a container today, recording to a file.

It is installed into a folder of its own, for its pins are not ours.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIREMENT: Final = "mitmproxy==11.0.2"
VENV: Final = Path("var/bench/mitmproxy")
PATIENCE: Final = 30.0


def installed() -> Path | None:
    """Return the command, installed if it was not; None, with the reason printed, where that cannot be."""
    command = VENV / "bin" / "mitmdump"
    if not command.exists():
        install = [VENV / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
        try:
            subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
            subprocess.run(install, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"mitmproxy is left out, it cannot be installed: {error}")
            return None
    return command


@contextmanager
def mitmproxy(command: Path, port: int) -> Iterator[tuple[str, int]]:
    """Run it in front of a port; yield its URL and its process id."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--mode", f"reverse:http://127.0.0.1:{port}", "--listen-host", "127.0.0.1"]
        files = ["--set", f"confdir={folder}", "--save-stream-file", f"{folder}/flows"]
        arguments = [command, "--quiet", *options, "--listen-port", str(own), *files]
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(own)
                yield f"ws://127.0.0.1:{own}", process.pid
            finally:
                process.terminate()


def _wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
