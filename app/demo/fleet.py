"""The demo containers: who they are and how each of them behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from app.demo import scripts
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.demo.turn import Script

HTTP_ONLY = (Protocol.HTTP,)
ACP_ONLY = (Protocol.ACP,)
BOTH = (Protocol.HTTP, Protocol.ACP)


class Refusal(StrEnum):
    """How an agent refuses the ACP handshake: with an error, or with a version nobody asked for."""

    ERROR = "error"
    VERSION = "version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """A demo container. Times are in seconds; a period of `None` is never."""

    name: str
    words: str
    protocols: tuple[Protocol, ...] = BOTH
    preferred: Protocol = Protocol.ACP
    script: Script = scripts.echo
    pace: float = 0.1
    title: str = "Demo agent"
    health_delay: float = 0.0
    drops_every: float | None = None
    ticks_every: float | None = None
    refuses: Refusal | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


_BEHAVIOURS = (
    Behaviour(
        name="plain",
        words="Echoes over ACP, with a plan, a tool call and a permission request",
        labels={"team": "support", "tier": "production"},
    ),
    Behaviour(
        name="http-only",
        words="Speaks only the old HTTP protocol",
        protocols=HTTP_ONLY,
        preferred=Protocol.HTTP,
        labels={"team": "billing", "tier": "legacy"},
    ),
    Behaviour(
        name="http-first",
        words="Runs on HTTP and can be migrated to ACP",
        preferred=Protocol.HTTP,
        labels={"team": "billing", "tier": "production"},
    ),
    Behaviour(
        name="acp-only",
        words="Speaks only ACP: nothing to fall back to",
        protocols=ACP_ONLY,
        labels={"team": "research", "tier": "production"},
    ),
    Behaviour(
        name="dropper",
        words="Loses its connection every 20 seconds, without a word",
        drops_every=20.0,
        labels={"team": "research", "tier": "unstable"},
    ),
    Behaviour(
        name="refuser",
        words="Claims ACP and answers the handshake with a wrong version; its HTTP works",
        refuses=Refusal.VERSION,
        labels={"team": "research", "tier": "unstable"},
    ),
    Behaviour(
        name="streamer",
        words="Answers in many small pieces and ticks on its own",
        script=scripts.stream,
        ticks_every=3.0,
        labels={"team": "support", "tier": "production"},
    ),
    Behaviour(
        name="hostile",
        words="Sends scripts, control characters, endless lines and a planted fake secret",
        script=scripts.attack,
        title=scripts.HOSTILE_TEXTS[0],
        labels={"team": "security", "tier": "test"},
    ),
    Behaviour(
        name="slow",
        words="Takes two seconds for its health check",
        preferred=Protocol.HTTP,
        health_delay=2.0,
        labels={"team": "billing", "tier": "legacy"},
    ),
)

FLEET: Mapping[str, Behaviour] = {behaviour.name: behaviour for behaviour in _BEHAVIOURS}
