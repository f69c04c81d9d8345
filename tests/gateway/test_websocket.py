"""Our WebSocket against the library's: the same bytes come to the same texts, closes and answers."""

from __future__ import annotations

import asyncio
import errno
import itertools
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import serve
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from app.config_values import Bind
from app.gateway.acp_transport import open_acp
from app.gateway.address import Address
from app.gateway.inbox import INBOX_CHARACTERS
from app.gateway.websocket import LARGEST_FRAME, WebSocket
from app.models import new_id
from app.protocol.endpoints import parse_endpoint
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.asyncio.server import ServerConnection

    from app.gateway.acp_transport import AcpTransport

    Handler = Callable[[ServerConnection], Awaitable[None]]

SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000]


def _meet(handler: Handler, talk: Callable[[AcpTransport], Awaitable[Any]], *, compression: bool) -> Any:
    """Open our transport to a server of the library's, and talk."""

    async def scenario() -> Any:
        async with serve(handler, "127.0.0.1", 0, max_size=None) as server:
            bind = Bind(*next(iter(server.sockets)).getsockname()[:2])
            address = Address(parse_endpoint(f"http://{bind}"), bind.host, None, {"X-Test": "yes"})
            transport = await open_acp(address, "/acp", compression=compression, half_open_seconds=10)
            async with asyncio.timeout(PATIENCE):
                outcome = await talk(transport)
                await transport.close("enough")
            return outcome

    return asyncio.run(scenario())


def never(_: str) -> bool:
    return False


async def _echo(socket: ServerConnection) -> None:
    async for data in socket:
        await socket.send(data)


@pytest.mark.parametrize("compression", [True, False])
def test_texts_of_every_size_come_back_in_order(*, compression: bool) -> None:
    texts = ["é" * (size // 2) + "x" * (size % 2) for size in SIZES]

    async def talk(transport: AcpTransport) -> list[str]:
        for text in texts:
            transport.send(text, new_id())
        frames = transport.frames(never)
        return [str(await anext(frames)) for _ in texts]

    assert _meet(_echo, talk, compression=compression) == texts


def test_texts_that_are_dealt_with_at_once_are_not_yielded_and_all_stay_in_order() -> None:
    texts, heard = [str(number) for number in range(1, 50)], list[tuple[str, bool]]()

    def take(text: str) -> bool:
        if int(text) % 7 == 0:
            return False  # it would have to wait
        heard.append((text, True))
        return True

    async def handler(socket: ServerConnection) -> None:
        await socket.recv()  # by the time that the answer comes, somebody waits for it
        for text in texts:
            await socket.send(text)
        await socket.close()

    async def talk(transport: AcpTransport) -> None:
        transport.send("go", new_id())
        async for text in transport.frames(take):
            heard.append((text, False))
            await asyncio.sleep(0)  # whoever waits is overtaken by nothing

    _meet(handler, talk, compression=False)
    assert [text for text, _ in heard] == texts
    assert all((text, False) in heard for text in texts if int(text) % 7 == 0)
    assert any(at_once for _, at_once in heard)


def test_what_goes_wrong_at_once_is_raised_where_the_text_is_waited_for() -> None:
    def fail(_: str) -> bool:
        raise ZeroDivisionError

    async def talk(transport: AcpTransport) -> None:
        transport.send("x", new_id())
        with pytest.raises(ZeroDivisionError):
            await anext(transport.frames(fail))

    _meet(_echo, talk, compression=False)


def test_fragments_pings_and_binary_messages_between_texts() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send(["fr", "ag", "", "ments"])
        await socket.send(b"binary")
        await asyncio.gather(await socket.ping())
        await socket.send("whole")
        await socket.close(4321, "on purpose")

    async def talk(transport: AcpTransport) -> Any:
        return [text async for text in transport.frames(never)], transport.ended

    texts, ended = _meet(handler, talk, compression=True)
    assert texts == ["fragments", "whole"]
    assert (ended.code, ended.reason, ended.by) == (4321, "on purpose", "peer")


def test_a_ping_is_answered_while_nobody_takes_the_texts() -> None:
    async def talk(transport: AcpTransport) -> float:
        transport.send("unread", new_id())
        return await transport.ping()

    assert _meet(_echo, talk, compression=False) > 0


def test_who_floods_us_is_held_back() -> None:
    sent: list[int] = []
    flood, text = 400, "x" * 100_000

    async def handler(socket: ServerConnection) -> None:
        for number in range(flood):
            await socket.send(text)
            sent.append(number)

    async def talk(transport: AcpTransport) -> tuple[int, int]:
        await transport.frames(never).__anext__()
        while transport._socket._reading:  # noqa: ASYNC110 - that it is held back is the test
            await asyncio.sleep(0)
        held = len(transport._socket._inbox)
        taken = 1
        async for each in transport.frames(never):
            assert each == text
            taken += 1
        return held, taken

    held, taken = _meet(handler, talk, compression=False)
    assert held * len(text) <= INBOX_CHARACTERS + 512 * 1024  # what one read of the socket may bring besides
    assert taken == flood


def test_who_does_not_read_is_waited_for() -> None:
    reading = asyncio.Event()
    heard: list[int] = []
    text, number = "x" * 1_000_000, 30  # more than the sockets of both sides hold

    async def handler(socket: ServerConnection) -> None:
        await reading.wait()
        heard.extend([len(data) async for data in socket])

    async def talk(transport: AcpTransport) -> bool:
        for _ in range(number):
            transport.send(text, new_id())
        waiting = asyncio.create_task(transport.drained())
        await asyncio.wait({waiting}, timeout=0.2)
        waited = not waiting.done()
        reading.set()
        await waiting
        return waited

    assert _meet(handler, talk, compression=False)
    assert heard == [len(text)] * number


class _Wire(asyncio.Transport):
    """Keeps what is written; the bytes that come are the test's."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def abort(self) -> None: ...


class _Gone(_Wire):
    """The other side has reset the connection, and only the kernel knows so far."""

    def write_eof(self) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")


def test_who_has_gone_before_the_goodbye_is_no_failure() -> None:
    async def scenario() -> WebSocket:
        protocol = ServerProtocol()
        socket = WebSocket(protocol)
        socket.connection_made(_Gone())
        socket.data_received(b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n")
        socket.respond(protocol.reject(200, "well"))
        return socket

    socket = asyncio.run(scenario())
    assert b"200 OK" in cast("_Gone", socket.transport).written


def _ours(pieces: list[bytes]) -> tuple[list[str], Any, bytes]:
    async def scenario() -> tuple[list[str], Any, bytes]:
        protocol = ClientProtocol(parse_uri("ws://test/"), state=OPEN, max_size=LARGEST_FRAME)
        socket, wire = WebSocket(protocol), _Wire()
        socket.connection_made(wire)
        socket._begin()
        for piece in pieces:
            socket.data_received(piece)
        socket.eof_received()
        socket.connection_lost(None)
        texts = [text async for text in socket.texts()]
        return texts, protocol.close_rcvd, _unmasked(wire.written)

    return asyncio.run(scenario())


def _theirs(data: bytes) -> tuple[list[str], Any, bytes]:
    protocol = ClientProtocol(parse_uri("ws://test/"), state=OPEN, max_size=LARGEST_FRAME)
    protocol.receive_data(data)
    texts, message, kind = [], b"", None
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            message, kind = b"", frame.opcode
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            message += frame.data
            if frame.fin and kind is Opcode.TEXT:
                texts.append(message.decode())
    protocol.receive_eof()
    return texts, protocol.close_rcvd, _unmasked(b"".join(protocol.data_to_send()))


def _unmasked(sent: bytes) -> bytes:
    """What a server reads of what was sent, whatever the masks were."""
    server = Protocol(Side.SERVER)
    server.receive_data(sent)
    return b"|".join(bytes([each.opcode]) + each.data for each in server.events if isinstance(each, Frame))


_TEXT = st.text(max_size=200).map(str.encode)
_FRAMES = st.one_of(
    st.builds(lambda text: [Frame(Opcode.TEXT, text)], _TEXT),
    st.builds(lambda text: [Frame(Opcode.TEXT, text, fin=False), Frame(Opcode.CONT, b"")], _TEXT),
    st.builds(lambda data: [Frame(Opcode.PING, data)], st.binary(max_size=125)),
    st.builds(lambda data: [Frame(Opcode.BINARY, data)], st.binary(max_size=200)),
    st.just([Frame(Opcode.PONG, b"nobody asked")]),
    st.just([Frame(Opcode.CLOSE, b"\x03\xe8bye")]),
)


@settings(max_examples=150, deadline=None)
@given(
    frames=st.lists(_FRAMES, max_size=6),
    spoil=st.none() | st.tuples(st.integers(0, 400), st.integers(0, 255)),
    cuts=st.lists(st.integers(0, 500), max_size=6),
)
@example([[Frame(Opcode.TEXT, b"")], [Frame(Opcode.TEXT, b"", fin=False)]], (1, 1), [])  # 00 80: masked
@example([[Frame(Opcode.BINARY, b"\x83~")]], (1, 0), [])  # 83 7e: no opcode, and the size is not there yet
@example([[Frame(Opcode.BINARY, b"\x83\x05")]], (1, 0), [])  # nor the payload
def test_any_bytes_in_any_pieces_come_to_what_the_library_makes_of_them(
    frames: list[list[Frame]], spoil: tuple[int, int] | None, cuts: list[int]
) -> None:
    data = bytearray(b"".join(each.serialize(mask=False) for group in frames for each in group))
    if spoil is not None and spoil[0] < len(data):
        data[spoil[0]] = spoil[1]
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [bytes(data[start:stop]) for start, stop in itertools.pairwise(edges)]
    try:
        expected = _theirs(bytes(data))
    except UnicodeDecodeError:  # which the library leaves to its own I/O layer
        assert b"\x03\xef" in _ours(pieces)[2]  # 1007
    else:
        assert _ours(pieces) == expected
