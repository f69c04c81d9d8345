"""Faults of a demo container, ordered at run time with `POST /<name>/_control`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from app.demo.fleet import Refusal

if TYPE_CHECKING:
    from app.demo.container import Container


class Orders(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON object of a control request. What is left out stays as it is.

    Attributes:
        drop: End every connection abruptly, now.
        mute: The present connections read nothing more, pings included, and stay open until they are dropped.
        freeze: The agent and its HTTP side say nothing until they thaw; WebSocket pings are still answered.
        refuse: How the next ACP handshakes are refused; true is "error".
        health: What `GET /health` answers.
        emit: A frame for the live sockets; a string goes out as it stands, so that it may be broken JSON.
    """

    drop: bool = False
    mute: bool = False
    freeze: bool | None = None
    refuse: bool | Refusal | None = None
    health: Literal["ok", "fail"] | None = None
    emit: Any = msgspec.UNSET


async def order(container: Container, body: bytes) -> None:
    """Carry out a control request, or raise `msgspec.DecodeError` with nothing done."""
    orders = msgspec.json.decode(body, type=Orders)
    if orders.freeze is not None:
        container.freeze(frozen=orders.freeze)
    if orders.refuse is not None:
        container.refuses = _refusal(orders.refuse)
    if orders.health is not None:
        container.healthy = orders.health == "ok"
    if orders.emit is not msgspec.UNSET:
        await container.emit(_text(orders.emit))
    if orders.mute:
        container.mute()
    if orders.drop:
        container.drop()


def _refusal(wanted: bool | Refusal) -> Refusal | None:  # noqa: FBT001 - it is the order's value, not a switch
    if isinstance(wanted, Refusal):
        return wanted
    return Refusal.ERROR if wanted else None


def _text(frame: Any) -> str:
    return frame if isinstance(frame, str) else msgspec.json.encode(frame).decode()
