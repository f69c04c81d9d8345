"""The spool by itself: in order, a disk that takes nothing, and what dead processes leave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from app.gateway import spool as module
from app.gateway.batch import Entry, Lease
from app.gateway.gaps import KEPT_UNTIL, is_kept
from app.gateway.rows import Book
from app.gateway.spool import Spool
from app.models import new_id
from app.protocol.frames import notification, request
from app.protocol.message import CONTAINER, Delivery, Message
from app.protocol.states import Direction, MessageType
from tests.support.recording import Told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from app.protocol.frames import Frame

LEASE = Lease(new_id(), 1)
BOOK = Book(LEASE, new_id())
OUTLET = Told(int)


def entry(number: int) -> Entry:
    return Entry(LEASE, BOOK, b"row", new_id(), OUTLET, (Delivery(CONTAINER, str(number)),))


async def working(folder: Path, scenario: Callable[[Spool], object]) -> None:
    spool = Spool(folder, 1_000_000, lambda: None)
    running = asyncio.create_task(spool.run())
    try:
        async with asyncio.timeout(30):
            await scenario(spool)  # type: ignore[misc]
    finally:
        running.cancel()
        await asyncio.wait({running})


async def taken(spool: Spool) -> list[Entry]:
    entries: list[Entry] = []
    while spool.count:
        entries += await spool.take()
    return entries


def test_what_goes_in_comes_out_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the disk, from what is still to be written, and from what gathers."""
    monkeypatch.setattr(module, "CHUNK_BYTES", 5_000)
    entries = [entry(number) for number in range(100)]

    async def scenario(spool: Spool) -> None:
        for each in entries[:50]:
            spool.append(each)
        while not list(tmp_path.glob("*/0*")):  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
        for each in entries[50:]:
            spool.append(each)
        assert await taken(spool) == entries
        assert spool.bytes == 0

    asyncio.run(working(tmp_path, scenario))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_nothing_is_full_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 1_000)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    no_folder = tmp_path / "file"
    no_folder.touch()

    async def scenario(spool: Spool) -> None:
        entries = [entry(number) for number in range(10)]
        for each in entries:
            spool.append(each)
        while spool.share < 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # some more attempts
        assert await taken(spool) == entries

    asyncio.run(working(no_folder, scenario))
    assert caplog.text.count("Nothing more can be spooled") == 1


def test_what_dead_processes_left_is_removed_and_what_living_ones_have_is_not(tmp_path: Path) -> None:
    dead = tmp_path / "0123456789abcdef"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "00000000").write_bytes(b"whatever")

    async def scenario(first: Spool) -> None:
        async def second(other: Spool) -> None:
            other.append(big)
            while len(list(tmp_path.glob("*/0*"))) < 2:  # noqa: ASYNC110, ASYNC240
                await asyncio.sleep(0.01)  # once it has written, its sweep is through: one thread does both

        while dead.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        big = Entry(LEASE, None, b"x" * module.CHUNK_BYTES, new_id(), OUTLET)
        first.append(big)
        while not list(tmp_path.glob("*/0*")):  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.01)
        await working(tmp_path, second)
        assert await taken(first) == [big]

    asyncio.run(working(tmp_path, scenario))


@pytest.mark.parametrize("message_type", list(MessageType))
def test_only_what_is_told_unasked_is_dropped_by_its_value(message_type: MessageType) -> None:
    def message(frame: Frame, direction: Direction = Direction.INBOUND) -> Message:
        return Message(
            id=new_id(),
            direction=direction,
            message_type=message_type,
            rpc_kind=frame.kind,
            frame=frame,
            deliveries=(Delivery("somebody", frame.text),),
        )

    told = message(notification("any"))
    limit = KEPT_UNTIL.get(message_type)
    if limit is None:
        assert message_type in {MessageType.CONNECT, MessageType.DISCONNECT, MessageType.COMMAND}
        assert is_kept(told, 1.0)
    else:
        assert is_kept(told, limit - 0.01)
        assert not is_kept(told, limit)
    assert is_kept(message(request("1", "any")), 1.0)
    assert is_kept(message(notification("any"), Direction.OUTBOUND), 1.0)
