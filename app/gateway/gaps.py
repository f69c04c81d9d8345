"""What is dropped when even the spool is filling up, and the record that stands in its place.

Only what a container tells unasked is ever dropped, the least valuable first. A request, an answer, a
connection's beginning and end, and commands are not in the table: when nothing else is left to drop, the
container's reader waits.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from app.protocol.frames import RpcKind
from app.protocol.states import Direction, MessageType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from app.protocol.message import Message

KEPT_UNTIL: Final[Mapping[MessageType, float]] = {
    MessageType.STATUS: 0.5,
    MessageType.EVENT: 0.7,
    MessageType.MESSAGE: 0.9,
}
"""The share of the spool up to which a message that nobody asked for is still taken, by its type."""
_UNASKED: Final = frozenset({RpcKind.NOTIFICATION, RpcKind.INVALID, RpcKind.TRANSPORT})
_KINDS: Final = 20
"""Kinds told apart in one gap: strangers choose the methods' names."""
_OTHERS: Final = "others"


def is_kept(message: Message, share: float) -> bool:
    """Tell whether a message is taken while the spool is full to this share."""
    if message.direction is not Direction.INBOUND or message.rpc_kind not in _UNASKED:
        return True
    # The multiplexer may hold a text back to deliver it with an answer: then its record must exist.
    held_back = message.rpc_kind is RpcKind.NOTIFICATION and message.processed and not message.deliveries
    return held_back or share < KEPT_UNTIL.get(message.message_type, float("inf"))


class Gap:
    """What was dropped of one connection between two of its records.

    Its record has the `id` of the first message that it stands for: ids are in the order of the records.
    """

    def __init__(self, message_id: UUID) -> None:
        self.id = message_id
        self._kinds: Counter[str] = Counter()
        self._bytes = 0
        self._since = self._until = dt.datetime.now(dt.UTC)

    def add(self, message: Message) -> None:
        """Note a message that is dropped."""
        kind = f"{message.message_type} {message.frame.update or message.method or message.rpc_kind}"[:200]
        self._kinds[kind if kind in self._kinds or len(self._kinds) < _KINDS else _OTHERS] += 1
        self._bytes += message.frame.size
        self._until = dt.datetime.now(dt.UTC)

    @property
    def payload(self) -> dict[str, Any]:
        """What the record says: how many, bytes, how many of each kind, from when to when."""
        return {
            "gap": {
                "count": self._kinds.total(),
                "bytes": self._bytes,
                "of": dict(self._kinds),
                "from": self._since.isoformat(timespec="milliseconds"),
                "to": self._until.isoformat(timespec="milliseconds"),
            }
        }

    @property
    def reason(self) -> str:
        """Say it in a sentence."""
        return (
            f"{self._kinds.total():,} messages of the container are missing here: they came while the"
            " database was away and the spool was filling up"
        )
