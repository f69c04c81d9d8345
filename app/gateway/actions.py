"""Carries out what operators ask of one container's connection, between two steps of its supervisor.

An action is taken before anything is done for it and finished once its outcome is known. Whoever finds one
that was taken and not finished does it again: to end a connection and to look at one may be repeated, and a
reconnect that was taken has lost its old connection with the gateway that died.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.errors import DialError
from app.protocol.states import ActionKind, Protocol
from app.queries import connection_actions as stored
from app.services import connection_actions

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.gateway.connector import Connector
    from app.gateway.link import Link
    from app.gateway.snapshot import PendingAction, Snapshot

log = logging.getLogger(__name__)

PROBE_SECONDS: Final = 10.0
"""How long a probe waits, for the pong and for the agent each."""


class Finding(NamedTuple):
    """What came of an action, in words; a probe's measurements are in milliseconds."""

    success: bool
    outcome: str
    measured: dict[str, Any] | None = None


class Actions:
    """The operators' hands on one container."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._channel = connector.channel

    async def carry_out(self, now: Snapshot) -> bool:
        """Do the next thing that is asked for; False if there is none, or it is up to the supervisor now."""
        if now.migration is not None and not now.migration.interruptible:
            return False
        for action in now.open_actions:
            if not now.running:
                await self._finish(action, Finding(False, "the container was stopped"))
                return True
            if await self._do(action, now):
                return True
        return False

    async def failed(self, now: Snapshot, problem: str) -> None:
        """Finish a reconnect whose dial has failed; what follows is the configuration's attempts."""
        for action in now.open_actions:
            if action.kind is ActionKind.RECONNECT and action.taken:
                await self._finish(action, Finding(False, problem))

    async def _do(self, action: PendingAction, now: Snapshot) -> bool:
        if action.kind is ActionKind.RECONNECT and action.taken:
            return await self._reconnected(action)
        await self._take(action)
        match action.kind:
            case ActionKind.RECONNECT:
                await self._connector.end(action.words)
            case ActionKind.DISCONNECT:
                connected = self._channel.link is not None
                await self._connector.end(action.words)
                outcome = "the connection was ended" if connected else "it was not connected, and stays so"
                await self._finish(action, Finding(True, outcome))
            case ActionKind.PROBE:
                await self._finish(action, await self._probe(now))
        return True

    async def _reconnected(self, action: PendingAction) -> bool:
        """Finish a reconnect once there is another connection; until then, the supervisor dials."""
        link = self._channel.link
        if link is None or link.lost.done():
            return False
        await self._finish(action, Finding(True, f"connected over {link.protocol.upper()}"))
        return True

    async def _probe(self, now: Snapshot) -> Finding:
        """Look whether the container is well: over the open connection, or else by a dial beside it."""
        link = self._channel.link
        if link is not None and not link.lost.done():
            return await measured(link, "over the open connection")
        dialling, protocol = now.goal
        try:
            link = await self._connector.open_aside(dialling, protocol)
        except DialError as error:
            return Finding(False, f"a dial aside failed: {error}")
        try:
            return await measured(link, "over a dial aside, after its handshake")
        finally:
            await link.close("only looked whether it is well")

    async def _take(self, action: PendingAction) -> None:
        lease, gateway_id = self._channel.lease, self._connector.gateway_id
        log.info("%s: taken by this gateway", action.words)
        await self._connector.ledger.write(
            lambda session: connection_actions.take(
                session, stored.get(session, action.id), gateway_id, lease.epoch
            )
        )

    async def _finish(self, action: PendingAction, finding: Finding) -> None:
        def finish(session: Session) -> None:
            row = stored.get(session, action.id)
            connection_actions.finish(
                session, row, success=finding.success, outcome=finding.outcome, measured=finding.measured
            )

        await self._connector.ledger.write(finish)


async def measured(link: Link, how: str) -> Finding:
    """Ask a link on both layers, so that a frozen agent behind a live socket is told from a lost connection.

    HTTP has one layer only, the health check.
    """
    times: dict[str, Any] = {"over": how}
    alive = ""
    if link.protocol is Protocol.ACP:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                times["socket_ms"] = round(await link.transport.ping() * 1000, 3)
        except TimeoutError as error:
            why = str(error) or f"no pong came within {PROBE_SECONDS:g} s"
            return Finding(False, f"the socket did not answer {how}: {why}", times)
        alive = f"although its socket did in {times['socket_ms']:.1f} ms: "
    try:
        times["agent_ms"] = round(await link.health(PROBE_SECONDS), 3)
    except TimeoutError as error:
        return Finding(False, f"the agent did not answer {how}, {alive}{error}", times)
    return Finding(True, f"the agent answered in {times['agent_ms']:.1f} ms {how}", times)
