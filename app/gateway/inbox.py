"""Texts that have come and wait for their taker, or the taker that waits for them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

INBOX_CHARACTERS: Final = 64 * 1024
"""What is read ahead of who takes the texts; beyond that the peer has to wait."""


class Inbox:
    """In order, for one taker at a time. `hungry` is called when somebody begins to wait."""

    def __init__(self, hungry: Callable[[], None]) -> None:
        self._hungry = hungry
        self._texts: deque[str] = deque()
        self._characters = 0
        self._taker: asyncio.Future[None] | None = None
        self._at_once: Callable[[str], bool] | None = None  # the taker's, while it waits
        self._ended = False

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def full(self) -> bool:
        """Whether there is so much already that no more should be read."""
        return self._characters > INBOX_CHARACTERS

    async def take(self, at_once: Callable[[str], bool] | None = None) -> str | None:
        """Return the next text, None once there are no more to come.

        While the taker waits, texts go to `at_once`, and those for which that is True are dealt with, and not
        returned: waking a task costs more than most texts do. What `at_once` raises is raised here. Whoever
        is cancelled while it waits has taken nothing.
        """
        while not self._texts:
            if self._ended:
                return None
            self._taker, self._at_once = asyncio.get_running_loop().create_future(), at_once
            self._hungry()
            try:
                await self._taker
            finally:
                self._at_once = None
        text = self._texts.popleft()
        self._characters -= len(text)
        return text

    def put(self, text: str) -> None:
        """Add a text, unless who waits for it deals with it at once."""
        if not self._dealt_with(text):
            self._texts.append(text)
            self._characters += len(text)
            self._wake()

    def end(self) -> None:
        """Say that no more texts come; those that are there are still to be taken."""
        self._ended = True
        self._hungry = _nobody  # or a closed socket and its inbox would keep each other alive
        self._wake()

    def _dealt_with(self, text: str) -> bool:
        if self._at_once is None or self._taker is None or self._taker.done():
            return False
        try:
            return self._at_once(text)
        except Exception as error:  # noqa: BLE001 - it is the taker's
            self._taker.set_exception(error)
            return True

    def _wake(self) -> None:
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)


def _nobody() -> None:
    """Read on for an inbox that has ended: nothing is to be read."""
