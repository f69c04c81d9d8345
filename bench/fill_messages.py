"""The messages of a filled database: turns of conversations, each on a connection, over a span of time."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import random
    import uuid
    from collections.abc import Iterator, Mapping, Sequence

    import psycopg

COLUMNS: Final = (
    "id, connection_id, timestamp, seq, reply_to, acp_session_id,"
    " direction, message_type, payload, size, processed, processing_time, error, error_message, method,"
    " rpc_kind, rpc_id, caller"
)
"""The first six differ from row to row; the others come from a kind of message, written once."""
NULL: Final = "\\N"
BLOCK: Final = 20_000  # rows written to COPY at once
VERSION_7: Final = 7 << 76 | 2 << 62
WORDS: Final = (
    *("the", "a", "retry", "invoice", "deploy", "queue", "latency", "timeout", "customer", "payload"),
    *(
        "schema",
        "index",
        "cursor",
        "token",
        "budget",
        "report",
        "summary",
        "draft",
        "merge",
        "branch",
        "test",
    ),
    *("failing", "passed", "warning", "review", "error", "config", "region", "cache", "miss", "upstream"),
    *("container", "session", "prompt", "answer", "tool", "file", "path", "read", "write", "list", "search"),
)
CALLERS: Final = ("lumilink-be", "console", "nightly")
TOOLS: Final = ("Read src/main.py", "Search for TODO", "Run the tests", "Edit config.yaml", "List files")


class Kind(NamedTuple):
    """A message as it is written: what every one of it shares, in COPY's text form, and its gap in ms."""

    columns: str
    gap: int
    role: str = ""


class Scene(NamedTuple):
    """The turns that there are, the connections that they may happen on, and when."""

    turns: Sequence[Sequence[Kind]]
    connections: Sequence[str]
    span: tuple[dt.datetime, dt.datetime]


def copy(
    connection: psycopg.Connection,
    chance: random.Random,
    connections: Sequence[uuid.UUID],
    messages: int,
    span: tuple[dt.datetime, dt.datetime],
    *,
    answered: bool = True,
    before: Mapping[uuid.UUID, int] | None = None,
) -> Mapping[uuid.UUID, int]:
    """Write so many messages, in about the order of time; return how many each connection has then.

    Unless they are answered, they are prompts that wait. `before` is how many each has already.
    """
    turns = [_turn(chance) if answered else _turn(chance)[:1] for _ in range(300)]
    scene = Scene(turns, [each.hex for each in connections], span)
    counts = Counter({index: (before or {}).get(each, 0) for index, each in enumerate(connections)})
    with connection.cursor().copy(f"COPY acp_message ({COLUMNS}) FROM STDIN") as into:
        block: list[str] = []
        for line in _lines(chance, scene, messages, counts):
            block.append(line)
            if len(block) >= BLOCK:
                into.write("".join(block))
                block.clear()
        into.write("".join(block))
    return {connections[index]: number for index, number in counts.items()}


def _lines(chance: random.Random, scene: Scene, messages: int, counts: Counter[int]) -> Iterator[str]:
    turns, connections, span = scene
    start, end = (int(each.timestamp() * 1000) for each in span)
    numbers = count(1)
    per_turn = sum(map(len, turns)) / len(turns)
    written, turn_number, turns_due = 0, 0, max(1, int(messages / per_turn))
    while written < messages:
        at = min(end - 60_000, start + (end - start) * turn_number // turns_due)
        turn_number += 1
        index = int(len(connections) * chance.random() ** 2)  # some are much busier than others
        whose, seq = connections[index], counts[index]
        session, asked = f"ses_{whose[-8:]}{seq // 1000:04}", NULL
        for kind in turns[int(chance.random() * len(turns))]:
            at += kind.gap
            id_ = f"{at << 80 | VERSION_7 | next(numbers):032x}"
            seq += 1
            reply = asked if kind.role == "answer" else NULL
            asked = id_ if kind.role == "request" else asked
            when = f"{dt.datetime.fromtimestamp(at / 1000, dt.UTC):%Y-%m-%d %H:%M:%S.%f}+00"
            yield f"{id_}\t{whose}\t{when}\t{seq}\t{reply}\t{session}\t{kind.columns}\n"
        written += seq - counts[index]
        counts[index] = seq


def _turn(chance: random.Random) -> Sequence[Kind]:
    """Make up a turn: a prompt, what the agent thinks, says and does, and the answer."""
    number = str(chance.randrange(2, 400))
    text = [{"type": "text", "text": _words(chance, 18)}]
    prompt = _kind(chance, ("outbound", "message", "session/prompt", "request"), {"prompt": text}, number)
    said = [_update(chance, "agent_message_chunk") for _ in range(chance.randrange(4, 14))]
    thought = [_update(chance, "agent_thought_chunk") for _ in range(chance.randrange(0, 4))]
    tool = [_update(chance, "tool_call"), _update(chance, "tool_call_update")]
    failed = chance.random() < 0.05
    return [prompt, *thought, *tool, *said, _answer(chance, number, failed=failed)]


def _words(chance: random.Random, most: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randrange(3, most)))


def _update(chance: random.Random, kind: str) -> Kind:
    update: dict[str, Any] = {"sessionUpdate": kind}
    if kind.startswith("tool"):
        update |= {"toolCallId": f"call_{chance.randrange(10**6)}", "title": chance.choice(TOOLS)}
        update |= {"status": "pending" if kind == "tool_call" else "completed"}
    else:
        update["content"] = {"type": "text", "text": _words(chance, 30)}
    return _kind(chance, ("inbound", "event", "session/update", "notification"), {"update": update})


def _answer(chance: random.Random, number: str, *, failed: bool) -> Kind:
    outcome = {"error": {"code": -32603, "message": "the model did not answer"}}
    return _kind(
        chance,
        ("inbound", "message", "session/prompt", "response"),
        outcome if failed else {"result": {"stopReason": "end_turn"}},
        number,
        error="the model did not answer" if failed else NULL,
    )


def _kind(
    chance: random.Random,
    way: tuple[str, str, str, str],
    content: dict[str, Any],
    number: str = NULL,
    error: str = NULL,
) -> Kind:
    direction, type_, method, rpc_kind = way
    frame: dict[str, Any] = {"jsonrpc": "2.0"}
    frame |= {} if number == NULL else {"id": int(number)}
    frame |= content if rpc_kind == "response" else {"method": method, "params": content}
    text = json.dumps(frame)
    role = {"request": "request", "response": "answer"}.get(rpc_kind, "")
    took = str(chance.randrange(200, 9000)) if role == "answer" else NULL
    columns = (
        *(direction, type_, text.replace("\\", "\\\\"), str(len(text)), "t", took),
        *("f" if error == NULL else "t", error, method, rpc_kind, number, chance.choice(CALLERS)),
    )
    return Kind("\t".join(columns), chance.randrange(5, 400), role)
