"""Callers that keep a ledger: what they asked, what they were answered, and all that they heard."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import websockets
from websockets.asyncio.client import connect

from tests.soak.content import said, tagged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from websockets.asyncio.client import ClientConnection

    from tests.soak.content import Frame

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.05
MOST_UPDATES = 12
LAST_TURN_SECONDS = 30.0
BESIDE_A_PROMPT = 2
"""Requests that a caller has open while its prompt is being worked on."""


class Answer(NamedTuple):
    """What a request was answered: the fingerprint of a result, or the words of an error."""

    result: str | None
    error: str | None


@dataclass
class Ledger:
    """Of all callers. `asked` has the answer of each request by its tag, None while there is none."""

    asked: dict[str, Answer | None] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    results: int = 0

    def answered(self, tag: str, frame: Frame) -> None:
        assert self.asked[tag] is None, f"{tag} was answered twice"
        failed = frame.get("error")
        self.asked[tag] = Answer(None, failed["message"]) if failed else Answer(said(frame), None)
        self.results += failed is None


class Caller:
    """Talks to one container for as long as it may, over one socket after the other."""

    def __init__(self, url: str, token: str, ledger: Ledger, tags: count[int]) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._ledger = ledger
        self._tags = tags
        self._numbers = count(1)
        self._random = random.Random(next(tags))  # noqa: S311 - a load, not a secret
        self._waiting: dict[int, tuple[str, asyncio.Future[Frame]]] = {}

    async def talk(self, stop: asyncio.Event) -> None:
        """Hold conversations until told to stop; then finish the turn that is under way."""
        while not stop.is_set():
            try:
                async with connect(self._url, additional_headers=self._headers, max_size=None) as socket:
                    await self._converse(socket, stop)
            except (OSError, websockets.WebSocketException) as error:
                log.debug("%s: %s", self._url, error)  # the gateway is away, or has not dialled yet
            await asyncio.sleep(RETRY_SECONDS)

    async def _converse(self, socket: ClientConnection, stop: asyncio.Event) -> None:
        self._waiting.clear()
        async with asyncio.TaskGroup() as both:
            talking = both.create_task(self._turns(socket, stop))
            both.create_task(self._hear(socket)).add_done_callback(lambda _: talking.cancel())

    async def _turns(self, socket: ClientConnection, stop: asyncio.Event) -> None:
        try:
            answer = await self._ask(socket, "session/new", cwd="/", mcpServers=[])
            while not stop.is_set() and "result" in answer:
                await self._turn(socket, answer["result"]["sessionId"])
        except websockets.ConnectionClosed:
            return
        await socket.close()

    async def _turn(self, socket: ClientConnection, session_id: str) -> None:
        """A prompt with some requests beside it, and a notification that needs no answer."""
        prompt = [{"type": "text", "text": "go on"}]
        updates = self._random.randrange(MOST_UPDATES)
        asking = [self._ask(socket, "session/prompt", updates, sessionId=session_id, prompt=prompt)]
        asking += [self._ask(socket, "_ledger/work") for _ in range(BESIDE_A_PROMPT)]
        await socket.send(
            json.dumps({"jsonrpc": "2.0", "method": "_ledger/note", "params": tagged(self._tag())})
        )
        await asyncio.gather(*asking)

    async def _ask(self, socket: ClientConnection, method: str, updates: int = 0, **params: Any) -> Frame:
        number, tag = next(self._numbers), self._tag()
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[number] = tag, answer
        self._ledger.asked[tag] = None
        members = tagged(tag, **params)
        members["_meta"]["updates"] = updates
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": members}))
        return await answer

    async def _hear(self, socket: ClientConnection) -> None:
        """Note every frame, whatever it is, before anything is done about it."""
        try:
            async for text in socket:
                await self._take(socket, json.loads(text))
        except websockets.ConnectionClosedError as error:
            log.debug("%s: %s", self._url, error)

    async def _take(self, socket: ClientConnection, frame: Frame) -> None:
        if "method" not in frame:
            tag, answer = self._waiting.pop(frame["id"])
            self._ledger.answered(tag, frame)
            answer.set_result(frame)
            return
        self._ledger.heard.append(said(frame))
        if "id" in frame:
            permitted = tagged(self._tag(), outcome={"outcome": "selected", "optionId": "allow"})
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": frame["id"], "result": permitted}))

    def _tag(self) -> str:
        return f"caller {next(self._tags)}"


class Load:
    """Callers at work in a thread of this process."""

    def __init__(self, urls: Sequence[str], token: str) -> None:
        self.ledger = Ledger()
        self._urls = urls
        self._token = token
        self._stop = asyncio.Event()
        self._pool = ThreadPoolExecutor(1)
        self._started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()

    def __enter__(self) -> Self:
        self._working = self._pool.submit(asyncio.run, self._work())
        self._loop, self._task = self._started.result()
        return self

    async def _work(self) -> None:
        tags = count(1)
        async with asyncio.TaskGroup() as callers:
            for url in self._urls:
                callers.create_task(Caller(url, self._token, self.ledger, tags).talk(self._stop))
            task = asyncio.current_task()
            assert task is not None
            self._started.set_result((asyncio.get_running_loop(), task))

    def results(self) -> int:
        """Count the results that the callers have got; raise what one has failed with."""
        if self._working.done():
            self._working.result()
        return self.ledger.results

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let every caller finish its turn and leave; cut them off if something has failed."""
        with suppress(RuntimeError):  # the loop has ended with a caller's failure
            self._loop.call_soon_threadsafe(self._stop.set if error is None else self._task.cancel)
        try:
            self._working.result(LAST_TURN_SECONDS)
        except TimeoutError:
            self._loop.call_soon_threadsafe(self._task.cancel)
            raise
        except (CancelledError, asyncio.CancelledError):
            if error is None:
                raise
        finally:
            self._pool.shutdown()
