"""Runs of text chunks: an agent's words come in many messages, and a list shows each run as one row."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from app.live.message_rows import Row
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
    """Rows that follow each other, the oldest first; of more than one, `chunk` says what they are."""

    rows: Sequence[Row]
    chunk: Chunk | None

    @property
    def text(self) -> str:
        """The beginning of what the chunks say together."""
        text = ""
        for row in self.rows:
            text += row.chunk.text if row.chunk else ""
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


def runs(rows: Iterable[Row]) -> Iterable[Run]:
    """Put rows that are chunks of one text together, and leave every other by itself."""
    for _, group in groupby(rows, lambda row: row.chunk.key if row.chunk else row.id):
        found = list(group)
        yield Run(found, found[0].chunk)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
