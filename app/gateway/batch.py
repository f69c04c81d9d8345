"""One batch of records: fenced by its leases, copied, committed, in one transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from app.gateway.rows import COLUMNS, without_payload

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from psycopg import AsyncConnection

log = logging.getLogger(__name__)

COPY: Final = f"COPY acp_message ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
# Locked in the order that the leases' renewal has, so that neither waits for the other in a circle.
_FENCE: Final = """
    SELECT container_id, epoch FROM container_lease
    WHERE container_id = ANY(%s) AND gateway_id = %s ORDER BY container_id FOR SHARE
"""


# A row with which these come will never be stored as it is. PostgreSQL counts the last two, such as a payload
# nested too deeply, among the lacks of resources, of which others are worth another attempt.
_REFUSED: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right under which a record is written (services.leases)."""

    container_id: uuid.UUID
    epoch: int


@dataclass(slots=True)
class Entry:
    """A row to commit (None: nothing to store, only its place in the order to keep) and what to do then.

    `size` is what it costs to keep it waiting, in bytes.
    """

    lease: Lease
    row: tuple[Any, ...] | None
    size: int
    deliver: Callable[[], None]


async def commit(
    connection: AsyncConnection[Any], gateway_id: uuid.UUID, entries: Sequence[Entry]
) -> set[Lease]:
    """Commit the rows of all entries whose lease this gateway still holds; return the leases it does not.

    A row that the database refuses is found by halves, so that it costs none of the others. Raises
    psycopg.OperationalError when the database goes away; then it is not known whether the rows are stored.
    """
    rows = [entry for entry in entries if entry.row is not None]
    if not rows:
        return set()
    try:
        async with connection.transaction():
            held = await _fence(connection, gateway_id, rows)
            await _copy(connection, [entry.row for entry in rows if entry.row and entry.lease in held])
    except _REFUSED as error:
        return await _commit_parts(connection, gateway_id, rows, error)
    return {entry.lease for entry in rows} - held


async def not_stored(connection: AsyncConnection[Any], entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that an attempt whose answer got lost has not committed after all."""
    ids = [entry.row[0] for entry in entries if entry.row is not None]
    cursor = await connection.execute("SELECT id FROM acp_message WHERE id = ANY(%s)", (ids,))
    stored = {row[0] for row in await cursor.fetchall()}
    return [entry for entry in entries if entry.row is not None and entry.row[0] not in stored]


async def _fence(
    connection: AsyncConnection[Any], gateway_id: uuid.UUID, entries: Sequence[Entry]
) -> set[Lease]:
    containers = list({entry.lease.container_id for entry in entries})
    cursor = await connection.execute(_FENCE, (containers, gateway_id))
    return {Lease(container_id, epoch) for container_id, epoch in await cursor.fetchall()}


async def _copy(connection: AsyncConnection[Any], rows: Sequence[tuple[Any, ...]]) -> None:
    async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.set_types(list(COLUMNS.values()))
        for row in rows:
            await copy.write_row(row)


async def _commit_parts(
    connection: AsyncConnection[Any], gateway_id: uuid.UUID, entries: Sequence[Entry], error: psycopg.Error
) -> set[Lease]:
    if len(entries) > 1:
        middle = len(entries) // 2
        lost = await commit(connection, gateway_id, entries[:middle])
        return lost | await commit(connection, gateway_id, entries[middle:])
    entry = entries[0]
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        return {entry.lease}  # the container was removed, its records with it
    if entry.row is None or entry.row == without_payload(entry.row):
        raise error
    log.error("A payload that PostgreSQL refuses is stored without its content: %s", error)
    entry.row = without_payload(entry.row)
    return await commit(connection, gateway_id, [entry])
