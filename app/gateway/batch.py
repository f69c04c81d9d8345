"""One batch of records: fenced by its leases, numbered, copied, committed, in one transaction."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import msgspec
import psycopg

from app.gateway.exchange import Copier
from app.gateway.rows import COLUMNS, id_of, numbered, without_payload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from psycopg.pq.abc import PGresult

    from app.gateway.database import Database
    from app.gateway.rows import Book
    from app.protocol.message import Delivery

log = logging.getLogger(__name__)

OVERHEAD: Final = 512
"""Bytes, about, of an entry's Python objects."""
COPY: Final = f"COPY acp_message ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
# "COPY", "Binary Format": a signature, no flags, no extension; rows; a trailer.
SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER: Final = b"\xff\xff"
# The leases still held are locked, in the order that their renewal has, so that neither waits for the other
# in a circle; under these, and no others, every connection's numbers are advanced.
_PREPARE: Final = """
    PREPARE advance (uuid, uuid[], bigint[], uuid[], bigint[]) AS
    WITH held AS MATERIALIZED (
        SELECT container_id, epoch FROM container_lease
        WHERE container_id = ANY($2) AND gateway_id = $1
        ORDER BY container_id FOR SHARE
    ), asked AS (
        SELECT * FROM unnest($2, $3, $4, $5)
            WITH ORDINALITY AS asked (container_id, epoch, connection_id, rows, number)
    )
    UPDATE acp_connection_sequence s SET last_seq = s.last_seq + asked.rows
    FROM asked JOIN held USING (container_id, epoch) WHERE s.connection_id = asked.connection_id
    RETURNING asked.number, s.last_seq - asked.rows + 1
"""
# A row with which these come will never be stored as it is. PostgreSQL counts the last two, such as a payload
# nested too deeply, among the lacks of resources, of which others are worth another attempt.
_REFUSED: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)


class Lease(msgspec.Struct, frozen=True, cache_hash=True):
    """The right under which a record is written (services.leases)."""

    container_id: UUID
    epoch: int


class Outlet(Protocol):
    """Where the deliveries of an entry go once it is committed."""

    def deliver(self, entry: Entry) -> None: ...


class Entry(msgspec.Struct):
    """A row to commit and what to deliver then.

    Without a `row`, and so without the `book` that it belongs to, there is nothing to store, only a place in
    the order to keep. `message_id` is the message's; `size` is what it costs to keep waiting, in bytes.
    """

    lease: Lease
    book: Book | None
    row: bytes | None
    message_id: UUID
    outlet: Outlet
    deliveries: tuple[Delivery, ...] = ()
    size: int = 0

    def __post_init__(self) -> None:
        size = OVERHEAD + (len(self.row) if self.row is not None else 0)
        for each in self.deliveries:
            size += len(each.text)
        self.size = size


async def connect(database: Database) -> Copier:
    """Open a connection to commit batches over. Raises psycopg.OperationalError."""
    connection = await database.connect()
    await connection.execute(_PREPARE)
    return Copier(connection)


async def commit(copier: Copier, gateway_id: UUID, entries: Sequence[Entry]) -> set[Lease]:
    """Commit the rows of all entries whose lease this gateway still holds; return the leases it does not.

    A lease counts as lost, too, where a connection has no row in `acp_connection_sequence`: nothing can be
    numbered then, and whoever begins anew makes one. A row that the database refuses is found by halves, so
    that it costs none of the others. Raises psycopg.OperationalError when the database goes away; then it is
    not known whether the rows are stored.
    """
    rows = [entry for entry in entries if entry.row is not None]
    if not rows:
        return set()
    wanted = Counter(each.book for each in rows if each.book is not None)
    books = tuple(wanted)
    numbers: dict[Book, Iterator[int]] = {}

    def numbered_rows(advanced: PGresult) -> bytes:
        for line in range(advanced.ntuples):
            number, first = (int(advanced.get_value(line, column) or 0) for column in (0, 1))
            numbers[books[number - 1]] = count(first)
        return _copied(rows, numbers)

    try:
        await copier.copy_after(f"{_advance(gateway_id, wanted)}; {COPY}", numbered_rows)
    except _REFUSED as error:
        return await _commit_parts(copier, gateway_id, rows, error)
    return {book.lease for book in books if book not in numbers}


async def not_stored(copier: Copier, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that an attempt whose answer got lost has not committed after all."""
    ids = [UUID(bytes=id_of(entry.row)) for entry in entries if entry.row is not None]
    cursor = await copier.connection.execute("SELECT id FROM acp_message WHERE id = ANY(%s)", (ids,))
    stored = {row[0].bytes for row in await cursor.fetchall()}
    return [entry for entry in entries if entry.row is not None and id_of(entry.row) not in stored]


def _advance(gateway_id: UUID, wanted: Mapping[Book, int]) -> str:
    """Return the statement that locks the leases and takes numbers; ids and numbers need no quoting."""
    columns: tuple[Iterable[str], ...] = (
        [book.container_text for book in wanted],
        [str(book.lease.epoch) for book in wanted],
        [book.connection_text for book in wanted],
        map(str, wanted.values()),
    )
    arrays = ", ".join(f"'{{{','.join(column)}}}'" for column in columns)
    return f"EXECUTE advance ('{gateway_id}', {arrays})"


def _copied(entries: Sequence[Entry], numbers: Mapping[Book, Iterator[int]]) -> bytes:
    """Return the rows that were given numbers, as COPY takes them."""
    parts = [SIGNATURE]
    for entry in entries:
        if entry.row is not None and entry.book is not None and entry.book in numbers:
            parts += numbered(entry.row, next(numbers[entry.book]))
    return b"".join((*parts, TRAILER))


async def _commit_parts(
    copier: Copier, gateway_id: UUID, entries: Sequence[Entry], error: psycopg.Error
) -> set[Lease]:
    if len(entries) > 1:
        middle = len(entries) // 2
        lost = await commit(copier, gateway_id, entries[:middle])
        return lost | await commit(copier, gateway_id, entries[middle:])
    entry = entries[0]
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return {entry.lease}  # the container was removed, its records with it
    if isinstance(error, psycopg.errors.UniqueViolation):
        return set()  # stored by an attempt whose answer got lost, and which ended after we had looked
    if entry.row is None or entry.row == without_payload(entry.row):
        raise error
    log.error("A payload that PostgreSQL refuses is stored without its content: %s", error)
    entry.row = without_payload(entry.row)
    return await commit(copier, gateway_id, [entry])
