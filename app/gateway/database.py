"""The gateway's way to PostgreSQL: services in threads, and plain connections for COPY and LISTEN."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.errors import DatabaseNotMigrated, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import AsyncConnection

T = TypeVar("T")
log = logging.getLogger(__name__)

THREADS: Final = 8
RETRY_SECONDS: Final = 0.5
# What a crash of PostgreSQL may take back although it was acknowledged, unless these are on.
_DURABILITY: Final = ("fsync", "full_page_writes", "synchronous_commit")


class Database:
    """A small pool for services, whose transactions are tried again for as long as the database is away."""

    def __init__(self, url: str, threads: int = THREADS, *, name: str = "console gateway") -> None:
        """Take the URL and the name that its sessions bear, by which another gateway can cut them off."""
        self._url = url
        self._name = name
        self._engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(url, application_name=name),
            pool_size=threads,
            pool_pre_ping=True,
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="services")

    async def run(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction of its own, in a thread, and commit it.

        While the database does not answer it is tried again; what `work` raises otherwise is passed on.
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await loop.run_in_executor(self._threads, self._transact, work)
            except OperationalError as error:
                log.warning("The database does not answer, trying again: %s", str(error.orig).strip())
                await asyncio.sleep(RETRY_SECONDS)

    def _transact(self, work: Callable[[Session], T]) -> T:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            return work(session)

    async def connect(self) -> AsyncConnection[Any]:
        """Open a connection of its own, in autocommit. Raises psycopg.OperationalError."""
        return await psycopg.AsyncConnection.connect(self._url, autocommit=True, application_name=self._name)

    async def check(self) -> None:
        """Refuse a database that is away, not migrated, or may forget what it has committed.

        Raises:
            DatabaseUnavailable: it does not answer, or one of its durability settings is off.
            DatabaseNotMigrated: our tables are not there.
        """
        try:
            async with await self.connect() as connection:
                for setting in _DURABILITY:
                    found = await (await connection.execute(f"SHOW {setting}")).fetchone()
                    if found == ("off",):
                        raise DatabaseUnavailable(f"{setting} is off: what is acknowledged could be lost")
                await connection.execute("SELECT seq FROM acp_message LIMIT 0")
                await connection.execute("SELECT epoch FROM container_lease LIMIT 0")
        except psycopg.errors.UndefinedTable as error:
            raise DatabaseNotMigrated(error.diag.message_primary or "tables are missing") from error
        except psycopg.errors.UndefinedColumn as error:
            raise DatabaseNotMigrated(error.diag.message_primary or "columns are missing") from error
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(str(error).strip()) from error

    def close(self) -> None:
        """Wait for what is under way and let the connections go."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()
