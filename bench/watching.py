"""A process of viewers: cheap sockets at a live timeline, each of which checks that it gets every row once.

What a browser would do with a row is not done: this measures what the console does for its viewers.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import picows

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW: Final = re.compile(rb'<li [^>]*id="message-([0-9a-f-]{36})"')
ESTABLISHED: Final = "01"  # in /proc/net/tcp
LEFT_OUT: Final = re.compile(rb'id="skipped-[0-9a-f-]{36}".*?>([\d,]+) more', re.DOTALL)
POLL_SECONDS: Final = 0.05


class Watch(NamedTuple):
    """What to look at and from which record on (None: the first), how many look, and for how many rows.

    `seconds` is how long they wait for these at the most.
    """

    address: str
    path: str
    cookie: str
    after: str | None
    viewers: int
    rows: int
    seconds: float

    @property
    def hello(self) -> bytes:
        """What a browser says when its socket opens."""
        return json.dumps({"after": self.after}).encode()


class Seen(NamedTuple):
    """What viewers got: arrivals of some rows (ids, when in monotonic ns) in every viewer's own order.

    `left_out` is how many rows were counted instead of told, whenever more came than is shown at once.
    `ended` is what each was told when its socket was closed, mostly nothing. `stalled` is after how many
    seconds one that reads nothing was cut; None if none was.
    """

    arrivals: list[list[tuple[int, int]]]
    ended: list[str]
    batches: list[list[str]]
    left_out: list[str]
    stalled: float | None


class _Rows:
    """Rows of frames, the oldest first. Most viewers get the same bytes: those are read once."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.left_out: list[str] = []
        self._known: dict[bytes, int] = {}

    def number(self, payload: bytes) -> int | None:
        """Return which batch of rows a frame brings; None if none."""
        found = self._known.get(payload)
        if found is None:
            self.left_out += [each.decode() for each in LEFT_OUT.findall(payload)]
            ids = [each.decode() for each in ROW.findall(payload)]
            found = self._known[payload] = len(self.batches) if ids else -1
            if ids:
                self.batches.append(ids)
        return found if found >= 0 else None


class _Viewer(picows.WSListener):  # type: ignore[misc]
    def __init__(self, rows: _Rows, *, wanted: int) -> None:
        self.arrivals: list[tuple[int, int]] = []
        self.ended = ""
        self.live = asyncio.Event()
        self.done = asyncio.Event()
        self._rows = rows
        self._wanted = wanted

    def on_ws_frame(self, _: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            self.ended = f"{frame.get_close_code()} {frame.get_close_message()}"
        if frame.msg_type != picows.WSMsgType.TEXT:
            return
        now, payload = time.monotonic_ns(), frame.get_payload_as_bytes()
        if b'"caught_up"' in payload:
            self.live.set()
        number = self._rows.number(payload)
        if number is None:
            return
        self.arrivals.append((number, now))
        self._wanted -= len(self._rows.batches[number])
        if self._wanted <= 0:
            self.done.set()

    def on_ws_disconnected(self, _: picows.WSTransport) -> None:
        self.live.set()
        self.done.set()


def watch(wanted: Watch, ready: Any, *, stall: bool) -> Seen:
    """Open the sockets, set `ready` once all are live, and return what they got."""
    return asyncio.run(_watch(wanted, ready, stall=stall))


async def _watch(wanted: Watch, ready: Any, *, stall: bool) -> Seen:
    rows = _Rows()
    headers = {"Cookie": wanted.cookie, "Origin": f"http://{wanted.address}"}
    opened = []
    for _ in range(wanted.viewers):
        opened.append(
            await picows.ws_connect(
                partial(_Viewer, rows, wanted=wanted.rows),
                f"ws://{wanted.address}{wanted.path}",
                extra_headers=headers,
                websocket_handshake_timeout=60,
            )
        )
        opened[-1][0].send(picows.WSMsgType.TEXT, wanted.hello)
    viewers = [viewer for _, viewer in opened]
    for viewer in viewers:
        await viewer.live.wait()
    stalled = stalled_socket(wanted) if stall else None
    ready.set()
    cut = asyncio.create_task(_until_cut(stalled)) if stalled is not None else None
    await _all([viewer.done for viewer in viewers], wanted.seconds)
    seconds = await cut if cut is not None else None
    for transport, _ in opened:
        transport.disconnect()
    arrivals = [viewer.arrivals for viewer in viewers]
    return Seen(arrivals, [viewer.ended for viewer in viewers], rows.batches, rows.left_out, seconds)


async def _all(events: Sequence[asyncio.Event], seconds: float) -> None:
    waiting = [asyncio.ensure_future(each.wait()) for each in events]
    _, late = await asyncio.wait(waiting, timeout=seconds)
    for each in late:
        each.cancel()


def stalled_socket(wanted: Watch) -> socket.socket:
    """Open a viewer's socket, say hello, and read nothing behind the handshake."""
    host, port = wanted.address.split(":")
    made = socket.create_connection((host, int(port)))
    made.sendall(
        f"GET {wanted.path} HTTP/1.1\r\nHost: {wanted.address}\r\nOrigin: http://{wanted.address}\r\n"
        f"Cookie: {wanted.cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    if not made.recv(12).startswith(b"HTTP/1.1 101"):
        raise RuntimeError("the socket that is to stall was refused")
    made.sendall(bytes([0x81, 0x80 | len(wanted.hello), 0, 0, 0, 0]) + wanted.hello)  # masked with zeros
    return made


async def _until_cut(stalled: socket.socket, most: float = 60) -> float | None:
    """Return after how many seconds the other side has ended the connection; None if it has not.

    It is looked up there: what it sends last waits behind what is not read, and is never seen here.
    """
    began = time.monotonic()
    while time.monotonic() - began < most:
        if not established(stalled):
            return time.monotonic() - began
        await asyncio.sleep(POLL_SECONDS)
    return None


def established(ours: socket.socket) -> bool:
    """Tell whether the other end of a connection on this machine still has it open."""
    ends = [f":{address[1]:04X}" for address in (ours.getpeername(), ours.getsockname())]
    lines = (line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(
        state == ESTABLISHED and local.endswith(ends[0]) and remote.endswith(ends[1])
        for local, remote, state in lines
    )
