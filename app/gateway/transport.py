"""What both protocols look like to the rest of the gateway: a pipe of JSON-RPC texts to one container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import uuid
    from collections.abc import AsyncIterator, Callable

    from app.protocol import states
    from app.protocol.endings import Ending


@dataclass(frozen=True, slots=True)
class Ended:
    """How a transport ended: the close code (RFC 6455, section 7.4; 0 where there is none) and who began it.

    `by` is `us`, `peer` or `network`.
    """

    reason: str
    by: str
    code: int = 0

    @classmethod
    def of(cls, ending: Ending, **particulars: object) -> Ended:
        """Return an end of the table, with its particulars."""
        return cls(ending.told(**particulars), ending.by, ending.code)


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that could not be carried: its record's id, and why."""

    message_id: uuid.UUID
    reason: str


class Transport(Protocol):
    """An open connection to a container. `ended` is set once `frames` has run out."""

    protocol: states.Protocol
    peer_id: str | None
    opened: dict[str, object]
    """What is recorded of the opening: address, status, headers. Redacted."""

    @property
    def ended(self) -> Ended | None: ...

    def facts(self) -> dict[str, Any]:
        """Return what was negotiated below the protocol: `compression`, `tls`; None where there is none."""

    @property
    def takes(self) -> bool:
        """Whether `drained` would not wait."""

    def frames(self, at_once: Callable[[str], bool]) -> AsyncIterator[str | Failed]:
        """Yield what the container sends, until the transport ends.

        While whoever iterates waits for the next one, `at_once` may be called with it instead; if that is
        True, the frame has been dealt with, and is not yielded.
        """

    def send(self, text: str, message_id: uuid.UUID) -> None:
        """Send a text; one for which there is no way any more is dropped, for `frames` tells of the end."""

    async def drained(self) -> None:
        """Wait while the container takes too little of what is sent."""

    async def ping(self) -> float:
        """Prove that the transport is alive; return the round trip in seconds. Raises TimeoutError."""

    def silence(self) -> float:
        """Return for how many seconds nothing has come, by the byte; 0 where that says nothing."""

    async def close(self, reason: str) -> None:
        """End it from this side."""

    async def abort(self) -> None:
        """Let go of it without a word, for nobody would hear it."""
