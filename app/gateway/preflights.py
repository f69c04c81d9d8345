"""Preflights on real sockets: a side handshake over the target, which leaves the live connection as it is.

A dry run is asked for by a row, and opens a link only to look; a protocol migration judges the link that it
has opened to be switched to. Both are judged by the same rules (`protocol/preflight`).
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any, Final

from app.errors import DialError
from app.gateway import carried
from app.gateway.beside import Beside
from app.gateway.rows import reason
from app.protocol import preflight_findings as findings
from app.protocol.preflight import Check, Verdict, blocking, joined
from app.queries import connections
from app.queries import preflights as stored
from app.services import preflights

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.gateway.connector import Connector
    from app.gateway.link import Link
    from app.gateway.snapshot import PendingPreflight, Snapshot
    from app.protocol.states import Protocol

ALIVE_SECONDS: Final = 10.0
"""How long the agent may take for a sign of life after its handshake."""
DAY_SECONDS: Final = 86_400
NOT_DIALLED: Final = frozenset({"protocol", "container", "configuration", "endpoint"})
"""Checks of the rows that leave nothing to be dialled where they block."""


class Preflights(Beside["PendingPreflight", "Sequence[Check]"]):
    """Carries out the dry runs of one container."""

    def _asked(self, now: Snapshot) -> PendingPreflight | None:
        return now.preflight

    def _take(self, session: Session, pending: PendingPreflight) -> None:
        preflights.take(session, stored.get(session, pending.id), self._connector.gateway_id)

    async def _carry_out(self, pending: PendingPreflight, now: Snapshot) -> Sequence[Check]:
        checks = await of_rows(self._connector, pending.to_protocol)
        if leaves_nothing_to_dial(checks):
            return checks
        began = time.monotonic()
        try:
            link = await self._connector.open_aside(now.dialling, pending.to_protocol)
        except DialError as error:
            return merged(checks, findings.failed(str(error)))
        try:
            seen = await judge(self._connector, link, now.protocol, (time.monotonic() - began) * 1000)
        finally:
            await link.close("only looked whether it could be migrated")
        return merged(checks, seen)

    def _finish(self, session: Session, pending: PendingPreflight, result: Sequence[Check]) -> None:
        preflights.finish(session, stored.get(session, pending.id), result)


async def of_rows(connector: Connector, to: Protocol, *, own: uuid.UUID | None = None) -> Sequence[Check]:
    """Judge what rows alone can tell; `own` is the protocol migration whose preflight it is."""
    policy, container_id = connector.settings.endpoint_policy(), connector.container_id

    def read(session: Session) -> Sequence[Check]:
        found = stored.static_checks_of_many(session, [container_id], to, policy, own=own)
        return found.get(container_id, [])

    return await connector.ledger.write(read)


def leaves_nothing_to_dial(checks: Sequence[Check]) -> bool:
    """Tell whether rows alone say that there is nothing to dial, or that it must not be dialled."""
    return any(each.name in NOT_DIALLED for each in blocking(checks))


def merged(checks: Sequence[Check], seen: Sequence[Check]) -> Sequence[Check]:
    """Join what rows and network told, as it can be stored: agents have written parts of it."""
    return [
        Check(each.name, each.verdict, reason(each.reason), reason(each.remedy))
        for each in joined(checks, seen)
    ]


async def judge(connector: Connector, link: Link, protocol: Protocol, milliseconds: float) -> Sequence[Check]:
    """Judge a link over the target after its handshake, which took so long; `protocol` is the present one."""
    settled, to = link.negotiated, link.protocol
    if settled is None:
        raise ValueError("a link is judged after its handshake")
    alive = await _alive(link)
    tls = link.transport.facts()["tls"]
    found = findings.Found(
        protocol=to,
        version=settled.version,
        milliseconds=milliseconds,
        agent=_agent(settled.agent_info),
        tls=tls,
        days_left=_days_left(tls),
    )
    other = await _other_side(connector, protocol)
    held = carried.held(connector, await carried.recorded(connector))
    unknown = [each.session_id for each in held if each.settings is None]
    return [
        *findings.reached(found),
        alive,
        findings.capabilities(settled.capabilities, other, protocol, to),
        findings.sessions(settled.capabilities, [each.session_id for each in held], to, unknown),
    ]


async def _alive(link: Link) -> Check:
    try:
        milliseconds = await link.health(ALIVE_SECONDS)
    except TimeoutError as error:
        remedy = "look why the agent hangs; the verification after a switch would fail, too"
        return Check("health", Verdict.BLOCK, str(error), remedy)
    return Check("health", Verdict.PASS, f"the agent answered in {milliseconds:.1f} ms")


async def _other_side(connector: Connector, protocol: Protocol) -> Mapping[str, Any] | None:
    """Return what the agent offers over the protocol that it is on: as it says now, or has said last."""
    link = connector.channel.link
    if link is not None and link.protocol is protocol and link.negotiated is not None:
        return link.negotiated.capabilities

    def read(session: Session) -> Mapping[str, Any] | None:
        row = connections.latest(session, connector.container_id, protocol)
        return None if row is None else row.capabilities

    return await connector.ledger.write(read)


def _agent(info: Mapping[str, Any] | None) -> str:
    words = [str(value)[:100] for name in ("name", "version") if (value := (info or {}).get(name))]
    return " ".join(words)


def _days_left(tls: Mapping[str, str] | None) -> float | None:
    """Return for how many days a certificate is still valid, by this machine's clock."""
    until = (tls or {}).get("valid_until")
    return (ssl.cert_time_to_seconds(until) - time.time()) / DAY_SECONDS if until else None
