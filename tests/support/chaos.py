"""A chaos proxy: TCP between a gateway and a container, with the faults that networks have, to order.

It stands where a network would: it knows bytes and no frames. `UP` is towards the container, `DOWN` from it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UP: Final = "up"
DOWN: Final = "down"
CHUNK: Final = 64 * 1024


@dataclass(slots=True)
class Way:
    """What one direction does to the bytes that pass it."""

    delay: float = 0.0
    """Seconds that each piece takes."""
    piece: int = CHUNK
    swallows: bool = False
    resets_after: int | None = None
    """Bytes that still pass until the connection is reset."""
    carried: int = 0
    """Bytes that have passed."""
    thawed: asyncio.Event = field(default_factory=asyncio.Event)

    def heal(self) -> None:
        self.delay, self.piece, self.swallows, self.resets_after = 0.0, CHUNK, False, None
        self.thawed.set()


class Pair:
    """One connection through the proxy: its two sockets."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near, self.far = near, far
        self.over = asyncio.Event()

    def reset(self) -> None:
        """End both with RST, as a host does that knows nothing of them."""
        for writer in (self.near, self.far):
            if writer.transport.is_closing():
                continue
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Chaos:
    """The proxy. Orders are given from any thread, and hold from their return on, for every connection."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = str(parts.hostname), parts.port or 80
        self._loop = asyncio.get_running_loop()
        self._ways = {UP: Way(), DOWN: Way()}
        self._pairs: set[Pair] = set()
        self.url = ""
        self.dials: list[float] = []
        """The loop's time, which is monotonic, of every connection that was accepted."""
        for way in self._ways.values():
            way.heal()

    @property
    def live(self) -> int:
        """How many connections are open."""
        return len(self._pairs)

    def carried(self, way: str) -> int:
        """How many bytes have passed one way."""
        return self._ways[way].carried

    def slow(self, delay: float, piece: int = CHUNK, *ways: str) -> None:
        """Let each piece of so many bytes take `delay` seconds: latency, or with small pieces a dribble."""
        self._order(lambda way: (setattr(way, "delay", delay), setattr(way, "piece", piece)), *ways)

    def black_hole(self) -> None:
        """Take everything and forward nothing, while all sockets stay open; new ones are accepted, too."""
        self._order(lambda way: setattr(way, "swallows", True))

    def freeze(self, *ways: str) -> None:
        """Hold what goes these ways until `heal`."""
        self._order(lambda way: way.thawed.clear(), *ways)

    def reset_after(self, size: int, way: str) -> None:
        """Let so many bytes pass one way, then reset the connection: in the middle of a frame."""
        self._order(lambda each: setattr(each, "resets_after", size), way)

    def heal(self) -> None:
        self._order(Way.heal)

    def reset(self) -> None:
        """Reset every connection."""
        self._run(lambda: [pair.reset() for pair in self._pairs])

    def half_close(self) -> None:
        """Tell the gateway that nothing more will come (FIN), and go on taking what it sends."""
        self._run(lambda: [pair.near.write_eof() for pair in self._pairs])

    def _order(self, change: Callable[[Way], object], *ways: str) -> None:
        self._run(lambda: [change(self._ways[way]) for way in ways or (UP, DOWN)])

    def _run(self, work: Callable[[], object]) -> None:
        async def run() -> None:
            work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    async def serve(self, stop: asyncio.Event, started: Callable[[Chaos], object]) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started(self)
        await stop.wait()
        server.close()
        for way in self._ways.values():
            way.heal()  # or who holds something would go on holding it
        for pair in list(self._pairs):
            pair.reset()
            await pair.over.wait()

    async def _accept(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self.dials.append(self._loop.time())
        try:
            far_reader, far = await asyncio.open_connection(*self._target)
        except OSError:
            near.transport.abort()
            return
        pair = Pair(near, far)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, far, self._ways[UP], pair))
                pumps.create_task(self._pump(far_reader, near, self._ways[DOWN], pair))
        except* OSError:
            pair.reset()  # one side is gone, so the other goes
        finally:
            self._pairs.discard(pair)
            near.close()
            far.close()
            pair.over.set()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way, pair: Pair
    ) -> None:
        """Pass bytes on until their end, which is passed on too."""
        while data := await reader.read(way.piece):
            await way.thawed.wait()
            if way.delay:
                await asyncio.sleep(way.delay)
            if way.swallows:
                continue
            if way.resets_after is not None:
                way.resets_after -= len(data)
                data = data[: len(data) + min(way.resets_after, 0)]
            writer.write(data)
            way.carried += len(data)
            await writer.drain()
            if way.resets_after is not None and way.resets_after <= 0:
                way.resets_after = None
                pair.reset()
        if not way.swallows and not writer.is_closing() and writer.can_write_eof():
            writer.write_eof()


@contextmanager
def chaos(target: str) -> Iterator[Chaos]:
    """Run a proxy to a base URL, in a thread of its own."""
    started: Future[tuple[Chaos, Callable[[], Any]]] = Future()

    async def main() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ready = (lambda: loop.call_soon_threadsafe(stop.set),)
        await Chaos(target).serve(stop, lambda proxy: started.set_result((proxy, *ready)))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, main())
        done.add_done_callback(lambda _: started.cancel())  # one that did not start is not waited for
        proxy, stop = started.result()
        try:
            yield proxy
        finally:
            stop()
            done.result()
