"""The sans-I/O core under damaged frames, while callers and connections come and go."""

from __future__ import annotations

import json
from itertools import count, islice
from typing import TYPE_CHECKING
from uuid import UUID

import psutil

from app.protocol.frames import RpcKind
from app.protocol.handshake import Negotiated
from app.protocol.mux import CONTAINER, GATEWAY, Multiplexer
from app.protocol.redaction import redact
from app.protocol.states import Direction, Protocol
from tests.soak.content import said
from tests.soak.mutants import mutants

if TYPE_CHECKING:
    from random import Random

    from app.protocol.message import Message

CALLERS = ("a", "b", "c")
WARM_UP = 20_000
"""Texts until the core's memory no longer grows with the sessions and the patterns that it has met."""
REWRITTEN = frozenset({"$/cancel_request", "session/cancel", "cancel"})
"""Methods that say something else on the container's side."""
NEGOTIATED = Negotiated(
    version="1.0.0", capabilities={}, agent_info=None, auth_methods=[], result={"protocolVersion": 1}
)


class Core:
    """A multiplexer, with the callers that are there and what every text must come to."""

    def __init__(self) -> None:
        ids, ticks = count(1), count()
        self._mux = Multiplexer(clock=lambda: float(next(ticks)), new_id=lambda: UUID(int=next(ids)))
        self._there: list[str] = []
        self._numbers = count(1)
        self._online = False

    def stir(self, random: Random) -> None:
        """Let a caller join or leave, or the container come or go."""
        what = random.randrange(4)
        if what == 0 and len(self._there) < len(CALLERS):
            self._there.append(key := f"caller {next(self._numbers)}")
            self._mux.join(key, key)
        elif what == 1 and self._there:
            key = self._there.pop(random.randrange(len(self._there)))
            self._check(self._mux.leave(key))
        elif what == 2 and self._online:
            self._online = False
            self._check(self._mux.offline("gone"))
            assert not self._mux.open_requests
        elif not self._online:
            self._online = True
            self._mux.online(random.choice(list(Protocol)), NEGOTIATED)

    def feed(self, random: Random, text: str) -> None:
        """Feed a text from the container, or from one of the callers that are there."""
        source = random.choice([CONTAINER, *self._there])
        inbound = source == CONTAINER
        messages = self._mux.from_container(text) if inbound else self._mux.from_caller(source, text)
        self._check(messages)
        own = Direction.INBOUND if inbound else Direction.OUTBOUND
        (record,) = [message for message in messages if message.direction is own]  # exactly one of it
        assert messages[0] is record
        _assert_it_is_the_text(record, text)

    def _check(self, messages: list[Message]) -> None:
        """Whatever is recorded can be stored, and whatever is delivered goes to somebody who is there."""
        for message in messages:
            _strictly(redact(message.frame, message.method))
            assert message.frame.size > 0
            for delivery in message.deliveries:
                assert delivery.to in {CONTAINER, GATEWAY, *self._there}
                _strictly(delivery.text)


def _strictly(text: str | bytes) -> None:
    """Decode JSON with numbers of any size, which PostgreSQL keeps, and without NaN, which is none."""
    json.loads(text, parse_constant=_refuse, parse_float=str, parse_int=str)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _assert_it_is_the_text(record: Message, text: str) -> None:
    """The record is of this text: as it came, or with the id by which the container knows it."""
    if record.frame.text == text:
        return
    assert record.frame.kind is not RpcKind.INVALID
    if record.frame.method not in REWRITTEN and json.loads(text).get("method") not in REWRITTEN:
        assert said(json.loads(record.frame.text)) == said(json.loads(text))


def run(random: Random, texts: int) -> int:
    """Feed so many damaged frames; return by how many bytes the process has grown after the warm-up."""
    core, process, before = Core(), psutil.Process(), 0
    for number, text in enumerate(islice(mutants(random), texts)):
        if number == min(WARM_UP, texts // 2):
            before = process.memory_info().rss
        if random.randrange(8) == 0:
            core.stir(random)
        core.feed(random, text)
    return process.memory_info().rss - before
