"""Live updates: what is committed appears in open pages, rendered once for all who look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.live import socket
from app.live.hub import Hub

if TYPE_CHECKING:
    from flask import Flask


def register(app: Flask) -> None:
    """Add the live sockets; the hub's threads start with the process's first viewer."""
    app.extensions["live"] = Hub(app)
    app.register_blueprint(socket.bp)
