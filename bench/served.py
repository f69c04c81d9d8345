"""Applications behind the console's own web server, and a client that keeps one connection to it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from app.cli.serve import web_command
from app.config_values import Bind
from bench.stage import SECRET_KEY, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from app.config import Settings

HOST: Final = "127.0.0.1"
AGENT: Final = "bench"
STARTS_WITHIN: Final = 30.0  # seconds
OURS: Final = "wsgi:app"
"""The console, as `web_command` names it; the other applications are served by the same command."""


@contextmanager
def served(settings: Settings, database_url: str, application: str = OURS, *options: str) -> Iterator[int]:
    """Serve an application with the command of `flask serve`; yield its port on loopback."""
    port = free_port()
    command = web_command(replace(settings, bind=Bind(HOST, port), log_level="ERROR"))
    command[command.index(OURS)] = application
    environment = {**os.environ, "DATABASE_URL": database_url, "CONSOLE_SECRET_KEY": SECRET_KEY}
    root = Path(__file__).parents[1]
    with subprocess.Popen([*command, *options], env=environment, cwd=root) as process:
        try:
            _wait(process, port)
            yield port
        finally:
            process.terminate()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection((HOST, port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the web server did not start")


class Client:
    """One keep-alive connection that does next to nothing itself, as it runs on the same cores."""

    def __init__(self, port: int, path: str, cookie: str) -> None:
        headers = {"Host": f"{HOST}:{port}", "User-Agent": AGENT, **({"Cookie": cookie} if cookie else {})}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._request = "\r\n".join([*lines, "", ""]).encode()
        self._socket = socket.create_connection((HOST, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def get(self) -> bytes:
        """Ask for the page and return its answer's head. Raises RuntimeError for any but 200."""
        self._socket.sendall(self._request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        left = int(_header(head, b"content-length")) - len(body)
        while left > 0:
            left -= len(self._more())
        return head

    def cookie(self) -> str:
        """Ask for the page and return the session's cookie, as a browser would send it from then on."""
        head = self.get()
        return _header(head, b"set-cookie").split(b";")[0].decode()

    def _more(self) -> bytes:
        part = self._socket.recv(1 << 18)
        if not part:
            raise RuntimeError("the web server has closed the connection")
        return part


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    raise RuntimeError(f"no {name.decode()} in {head.decode()}")
