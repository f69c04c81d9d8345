"""Runs of text chunks: an agent's words come in many messages, and a list shows each run as one row."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.models import AcpMessage

WORDS: Final = {
    "agent_message_chunk": "message",
    "agent_thought_chunk": "thought",
    "user_message_chunk": "user",
}
SHOWN: Final = 160  # characters of a run's text in its row


class Chunk(NamedTuple):
    """A piece of text of a session; pieces with one `key` belong together while nothing comes between."""

    key: str
    kind: str
    text: str


class Run(NamedTuple):
    """Records that follow each other, the oldest first; of more than one, `chunk` says what they are."""

    records: Sequence[AcpMessage]
    chunk: Chunk | None

    @property
    def text(self) -> str:
        """The beginning of what the chunks say together."""
        text = ""
        for record in self.records:
            piece = chunk(record)
            text += piece.text if piece else ""
            if len(text) > SHOWN:
                return text[:SHOWN] + "…"
        return text


def chunk(record: AcpMessage) -> Chunk | None:
    """Read a record as a chunk of text; None if it is anything else."""
    update = _member(_member(record.payload, "params"), "update")
    kind = WORDS.get(str(_member(update, "sessionUpdate")))
    text = _member(_member(update, "content"), "text")
    if record.method != "session/update" or kind is None or not isinstance(text, str):
        return None
    return Chunk(f"{record.connection_id} {record.acp_session_id} {kind}", kind, text[: SHOWN * 2])


def runs(records: Iterable[AcpMessage]) -> Iterable[Run]:
    """Put records that are chunks of one text together, and leave every other by itself."""

    def key(record: AcpMessage) -> str:
        piece = chunk(record)
        return piece.key if piece else str(record.id)

    for _, group in groupby(records, key):
        found = list(group)
        yield Run(found, chunk(found[0]))


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
