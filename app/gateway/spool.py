"""The spool: what memory cannot hold while the database is away, on disk, first in, first out.

It is memory's extension and nothing more: entries hold what is to be delivered as it came, so every chunk is
encrypted with a key that only this process has, and no other process can read it. What is left of a process
that was killed had not been delivered, so nobody was promised anything; the next start removes it.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import secrets
import shutil
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.gateway.batch import Entry
from app.protocol.message import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

CHUNK_BYTES: Final = 1024 * 1024
"""Of entries in one file: some milliseconds of work for the thread that encrypts and writes it."""
RETRY_SECONDS: Final = 1.0
_LOCK: Final = "lock"

_Packed = tuple[int, int, bytes | None, UUID, int, tuple[tuple[str, str], ...]]


class _Chunk(NamedTuple):
    """Entries that are written together."""

    number: int
    entries: list[Entry]
    size: int


class _Written(NamedTuple):
    """A chunk on disk: a file of `size` bytes with so many entries."""

    number: int
    entries: int
    size: int


class Spool:
    """A queue of entries. `append` never waits; `run` writes what gathers, in a thread of its own.

    `changed` is called when `bytes` or `full` have changed without anybody having called a method.
    """

    def __init__(self, parent: Path, limit: int, changed: Callable[[], None]) -> None:
        self._parent = parent
        self._folder = parent / secrets.token_hex(8)
        self._limit = limit
        self._changed = changed
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._busy = asyncio.Lock()
        self._lock: int | None = None
        self._next = 0
        self._written: deque[_Written] = deque()
        self._sealed: deque[_Chunk] = deque()
        self._to_write = asyncio.Event()
        self._open: list[Entry] = []
        self._open_bytes = 0
        self._failing = False
        self._shared: list[
            Any
        ] = []  # leases, books and outlets: objects of this process, kept on disk by number
        self._number_of: dict[Any, int] = {}
        self.count = 0
        """How many entries are in it."""
        self.bytes = 0
        """What they take, on disk and still to be written."""

    @property
    def share(self) -> float:
        """How full it is, 1.0 and more for full; a disk that does not take what is written is full."""
        return 1.0 if self._failing else self.bytes / self._limit

    def append(self, entry: Entry) -> None:
        """Add an entry."""
        self._open.append(entry)
        self._open_bytes += entry.size
        self.count += 1
        self.bytes += entry.size
        if self._open_bytes >= CHUNK_BYTES:
            self._sealed.append(_Chunk(self._next, self._open, self._open_bytes))
            self._next += 1
            self._open, self._open_bytes = [], 0
            self._to_write.set()

    async def take(self) -> list[Entry]:
        """Take out the oldest entries: a chunk of them, or what has not become one yet."""
        async with self._busy:
            entries: list[Entry]
            if self._written:
                written = self._written[0]
                entries = await self._in_thread(self._read, written.number)
                self._written.popleft()
                size = written.size
            elif self._sealed:
                _, entries, size = self._sealed.popleft()
            else:
                entries, size = self._open, self._open_bytes
                self._open, self._open_bytes = [], 0
        self.count -= len(entries)
        self.bytes -= size
        if not self.count:
            self._shared.clear()
            self._number_of.clear()
        return entries

    async def run(self) -> None:
        """Write chunks for ever; in the end, remove what is on disk."""
        try:
            await self._in_thread(self._sweep)
            while True:
                await self._to_write.wait()
                async with self._busy:
                    await self._write_sealed()
                if self._failing:
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._thread.submit(self._remove)
            self._thread.shutdown(wait=True)

    async def _write_sealed(self) -> None:
        while self._sealed:
            chunk = self._sealed[0]
            try:
                size = await self._in_thread(self._write, chunk)
            except OSError as error:
                if not self._failing:
                    why = error.strerror or error
                    log.error("Nothing more can be spooled in %s: %s", self._folder, why)  # noqa: TRY400
                self._failing = True
                self._changed()
                return
            self._failing = False
            self._sealed.popleft()
            self._written.append(_Written(chunk.number, len(chunk.entries), size))
            self.bytes += size - chunk.size
            self._changed()
        self._failing = False
        self._to_write.clear()

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _write(self, chunk: _Chunk) -> int:
        if self._lock is None or not self._folder.exists():  # swept away between its making and its lock
            self._make_folder()
        packed = msgspec.msgpack.encode([self._pack(entry) for entry in chunk.entries])
        sealed = self._cipher.encrypt(_nonce(chunk.number), packed, None)
        self._path(chunk.number).write_bytes(sealed)
        return len(sealed)

    def _read(self, number: int) -> list[Entry]:
        packed = self._cipher.decrypt(_nonce(number), self._path(number).read_bytes(), None)
        entries = [self._unpack(each) for each in _decode(packed)]
        self._path(number).unlink()
        return entries

    def _pack(self, entry: Entry) -> _Packed:
        return (
            self._shared_number(entry.lease),
            self._shared_number(entry.book),
            entry.row,
            entry.message_id,
            self._shared_number(entry.outlet),
            tuple((each.to, each.text) for each in entry.deliveries),
        )

    def _unpack(self, packed: _Packed) -> Entry:
        lease, book, row, message_id, outlet, deliveries = packed
        return Entry(
            self._shared[lease],
            self._shared[book],
            row,
            message_id,
            self._shared[outlet],
            tuple(Delivery(to, text) for to, text in deliveries),
        )

    def _shared_number(self, value: Any) -> int:
        number = self._number_of.setdefault(value, len(self._shared))
        if number == len(self._shared):
            self._shared.append(value)
        return number

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08}"

    def _make_folder(self) -> None:
        """Make the folder of this process, and lock it for as long as the process lives."""
        self._parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._lock = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def _sweep(self) -> None:
        """Remove what processes left that are no more: those whose lock nobody holds."""
        for lock in self._parent.glob(f"*/{_LOCK}"):
            with open(lock, "rb") as file:  # noqa: PTH123 - a descriptor is what can be locked
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue  # its process lives
                log.info("Removing %s: the gateway that spooled there is no more", lock.parent)
                shutil.rmtree(lock.parent)

    def _remove(self) -> None:
        if self._lock is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)


def _nonce(number: int) -> bytes:
    return number.to_bytes(12)  # a chunk's number is used once under a key that lives as long as we do


_decode: Final = msgspec.msgpack.Decoder(list[_Packed]).decode
