"""Ports for servers that tests start: settings take no port 0."""

from __future__ import annotations

import random
import socket
from typing import Final

HANDED_OUT_FROM: Final = 32_768
"""Where Linux begins with the ports that it gives to connections by itself (ip_local_port_range)."""


def free_port() -> int:
    """Return a port that is free, and that no connection will be given before it is served at."""
    while True:
        port = random.randrange(HANDED_OUT_FROM // 2, HANDED_OUT_FROM)  # noqa: S311 - to meet nobody else's
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def free_address() -> str:
    """Return one as a setting wants it: `127.0.0.1:20000`."""
    return f"127.0.0.1:{free_port()}"
