"""An ACP session read as a conversation: turns, and in each what the agent thought, said, did and asked.

It is read from redacted records, whatever an agent has put into them: what is not understood is a step with
the record's own name, and nothing is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from app.protocol.rpc import RpcKind

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Iterable, Mapping

PROMPT: Final = "session/prompt"
UPDATE: Final = "session/update"
PERMISSION: Final = "session/request_permission"
_SAID: Final[Mapping[str, str]] = {
    "agent_message_chunk": "message",
    "agent_thought_chunk": "thought",
    "user_message_chunk": "user",
}
_ASKED: Final = frozenset({"permission", "request"})
_TOOL: Final = frozenset({"tool_call", "tool_call_update"})
_FINISHED: Final = frozenset({"completed", "failed", "cancelled"})
LONGEST_TEXT: Final = 20_000
"""Characters kept of one step's text; the records have the rest."""


class Record(Protocol):
    """What is read of a stored message (data model: AcpMessage, and the fields beside it)."""

    id: uuid.UUID
    timestamp: dt.datetime
    method: str | None
    rpc_kind: str | None
    reply_to: uuid.UUID | None
    payload: Any
    error_message: str | None


@dataclass(slots=True)
class Step:
    """Something that happened in a turn, from its first record to its last; `ended` is None while it goes on.

    `kind` is message, thought, user, tool, permission, request or event; `status` a word of the agent's.
    """

    kind: str
    title: str
    first: uuid.UUID
    started: dt.datetime
    ended: dt.datetime | None
    text: str = ""
    status: str = ""
    records: int = 1
    seen: dt.datetime | None = None
    """When anything was last heard of it, where that is not its beginning."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Where an open prompt hangs: in which words, since when, and in which step, None for between steps."""

    words: str
    since: dt.datetime
    step: Step | None = None


@dataclass(slots=True)
class Turn:
    """A prompt and what came of it; without a prompt, what came outside of any.

    `outcome` is the stop reason or the error, empty while the answer is awaited.
    """

    prompt: str | None
    first: uuid.UUID
    started: dt.datetime
    last: dt.datetime
    ended: dt.datetime | None = None
    outcome: str = ""
    failed: bool = False
    steps: list[Step] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether the prompt still waits for its answer."""
        return self.prompt is not None and self.ended is None

    @property
    def hang(self) -> Hang | None:
        """Where an open prompt stands now; None once it has been answered.

        What the agent asked for comes first: it cannot go on without. Then the tool that has not finished.
        """
        if not self.open:
            return None
        going_on = [step for step in reversed(self.steps) if step.ended is None]
        for step in going_on:
            if step.kind in _ASKED:
                return Hang(
                    f"the agent waits for an answer to its {step.kind}: {step.title}", step.started, step
                )
        for step in going_on:
            return Hang(f"the tool has not finished: {step.title}", step.seen or step.started, step)
        return Hang("the agent has said nothing more", self.last)


def read(records: Iterable[Record]) -> list[Turn]:
    """Read a session's records, the oldest first, as turns."""
    reading = _Reading()
    for record in records:
        reading.take(record)
    return reading.turns


class _Reading:
    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._asked: dict[uuid.UUID, Step] = {}
        self._prompted: dict[uuid.UUID, Turn] = {}
        self._tools: dict[str, Step] = {}

    def take(self, record: Record) -> None:
        if record.rpc_kind == RpcKind.REQUEST and record.method == PROMPT:
            self._begin(record)
        elif record.reply_to in self._prompted:
            self._finish(self._prompted.pop(record.reply_to), record)
        elif record.reply_to in self._asked:
            self._answer(self._asked.pop(record.reply_to), record)
        else:
            self._step(record)

    def _begin(self, record: Record) -> None:
        text = _text(_member(record.payload, "params", "prompt"))
        turn = Turn(text, record.id, record.timestamp, record.timestamp)
        self.turns.append(turn)
        self._prompted[record.id] = turn

    def _finish(self, turn: Turn, record: Record) -> None:
        turn.ended = turn.last = record.timestamp
        turn.failed = record.rpc_kind != RpcKind.RESPONSE
        reason = _member(record.payload, "result", "stopReason")
        turn.outcome = record.error_message or (reason if isinstance(reason, str) else "answered")
        for step in turn.steps:
            step.ended = step.ended or (record.timestamp if step.kind == "tool" else None)

    def _answer(self, step: Step, record: Record) -> None:
        step.ended = record.timestamp
        step.records += 1
        step.status = record.error_message or _outcome(record.payload)
        self._turn(record).last = record.timestamp

    def _step(self, record: Record) -> None:
        turn = self._turn(record)
        turn.last = record.timestamp
        update = _member(record.payload, "params", "update")
        kind = _word(update, "sessionUpdate")
        if record.method == UPDATE and kind in _SAID:
            self._say(turn, record, _SAID[kind], _text(_member(update, "content")))
        elif record.method == UPDATE and kind in _TOOL:
            self._tool(turn, record, update)
        elif record.rpc_kind == RpcKind.REQUEST:
            self._ask(turn, record)
        else:
            self._say(turn, record, "event", "", title=kind or record.method or record.rpc_kind or "record")

    def _turn(self, record: Record) -> Turn:
        """Return the turn that a record belongs to: the last, unless that has ended."""
        if not self.turns or (self.turns[-1].prompt is not None and self.turns[-1].ended is not None):
            self.turns.append(Turn(None, record.id, record.timestamp, record.timestamp))
        return self.turns[-1]

    def _say(self, turn: Turn, record: Record, kind: str, text: str, title: str = "") -> None:
        """Add a step, or go on with the last one: an agent's words come in many chunks."""
        last = turn.steps[-1] if turn.steps else None
        if last is None or (last.kind, last.title) != (kind, title):
            turn.steps.append(
                Step(kind, title, record.id, record.timestamp, record.timestamp, text[:LONGEST_TEXT])
            )
            return
        last.ended = record.timestamp
        last.records += 1
        last.text = (last.text + text)[:LONGEST_TEXT]

    def _tool(self, turn: Turn, record: Record, update: Any) -> None:
        key = _word(update, "toolCallId")
        step = self._tools.get(key)
        if step is None or step not in turn.steps:
            step = self._tools[key] = Step("tool", "", record.id, record.timestamp, None, records=0)
            turn.steps.append(step)
        step.records += 1
        step.title = _word(update, "title") or step.title or key
        step.text = _word(update, "kind") or step.text
        step.status = _word(update, "status") or step.status
        step.seen = record.timestamp
        step.ended = record.timestamp if step.status in _FINISHED else None

    def _ask(self, turn: Turn, record: Record) -> None:
        kind = "permission" if record.method == PERMISSION else "request"
        title = _word(_member(record.payload, "params", "toolCall"), "title") or record.method or "request"
        step = Step(kind, title, record.id, record.timestamp, None)
        self._asked[record.id] = step
        turn.steps.append(step)


def _member(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _word(value: Any, name: str) -> str:
    found = _member(value, name)
    return found if isinstance(found, str) else ""


def _text(content: Any) -> str:
    """Join the texts of content blocks; a block of another type is named."""
    blocks = content if isinstance(content, list) else [content]
    return "\n".join(
        _word(block, "text") or f"[{_word(block, 'type')}]" for block in blocks if isinstance(block, dict)
    )


def _outcome(payload: Any) -> str:
    """Say what was answered: a permission's option, or that there was an answer."""
    outcome = _member(payload, "result", "outcome")
    return _word(outcome, "optionId") or _word(outcome, "outcome") or "answered"
