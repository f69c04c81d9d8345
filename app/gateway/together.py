"""Many small questions to the database in one transaction: what comes while one runs goes with the next.

Thousands of supervisors that act at once would each pay for a transaction, a thread's turn and a handful of
statements. Gathered they share them, and a lone one still does not wait (docs/adr/0025).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.gateway.database import Database

Q = TypeVar("Q")
A = TypeVar("A")

LARGEST: Final = 100
"""Questions in a transaction, at most: the rows of all of them are locked while it lasts."""


class Together(Generic[Q, A]):
    """Asks `work`, which answers any number of questions, in their order, in one transaction."""

    def __init__(self, database: Database, work: Callable[[Session, Sequence[Q]], Sequence[A]]) -> None:
        self._database = database
        self._work = work
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Return the answer, read or written after this was called. Raises what `work` does of it alone."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
            await self._answer([each for each in batch if not each[1].done()])  # some have been cancelled

    async def _answer(self, batch: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        """Answer all; if that fails each alone, so that what is wrong with one costs none of the others."""
        questions = [question for question, _ in batch]
        try:
            answers = await self._database.run(lambda session: self._work(session, questions))
        except Exception as error:  # noqa: BLE001 - it is raised where the question was asked
            if len(batch) > 1:
                for each in batch:
                    await self._answer([each])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, answer), found in zip(batch, answers, strict=True):
            if not answer.done():
                answer.set_result(found)
