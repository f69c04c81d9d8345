"""Tries changed configurations by a dial beside the container's connection, which stays as it is.

A trial runs in a task of its own, so that the supervisor goes on looking after the connection meanwhile. Who
finds one that was taken and not finished tries again: nothing of it is left but its records.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from app.errors import ConsoleError, DialError, LeaseLost
from app.gateway.actions import measured
from app.protocol.states import Protocol
from app.queries import configuration_trials as stored
from app.services import configuration_trials

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session

    from app.gateway.connector import Connector
    from app.gateway.link import Link
    from app.gateway.snapshot import PendingTrial, Snapshot

log = logging.getLogger(__name__)


class Verdict(NamedTuple):
    """What came of a trial, in words; `found` has what was negotiated, and times in milliseconds."""

    success: bool
    outcome: str
    advice: str | None = None
    found: dict[str, Any] | None = None


class Trials:
    """At most one trial of one container at a time."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._task: asyncio.Task[None] | None = None
        self._tried: uuid.UUID | None = None  # a snapshot from just before its end still has it

    def begin(self, now: Snapshot) -> None:
        """Start what is asked for, unless it is under way, or a protocol migration is."""
        trial = now.trial
        busy = now.migration is not None and not now.migration.interruptible
        if trial is None or trial.id == self._tried or busy:
            return
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(trial, now))
            self._task.add_done_callback(_ended)

    async def stop(self) -> None:
        """End what is under way, with its socket; the next gateway tries it again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, trial: PendingTrial, now: Snapshot) -> None:
        try:
            await self._carry_out(trial, now)
            self._tried = trial.id
        except LeaseLost:  # the next holder does it; the supervisor ends by itself
            log.info("a trial was left to the gateway that holds the container now")

    async def _carry_out(self, trial: PendingTrial, now: Snapshot) -> None:
        gateway_id = self._connector.gateway_id

        def take(session: Session) -> None:
            configuration_trials.take(session, stored.get(session, trial.id), gateway_id)

        await self._connector.ledger.write(take)
        verdict = await self._try(trial, now) if now.running else Verdict(False, "the container was stopped")

        def finish(session: Session) -> None:
            configuration_trials.finish(session, stored.get(session, trial.id), **verdict._asdict())

        await self._connector.ledger.write(finish)

    async def _try(self, trial: PendingTrial, now: Snapshot) -> Verdict:
        dialling, protocol = now.goal
        changed = replace(
            dialling,
            compression_enabled=trial.values.compression_enabled,
            encryption_level=trial.values.encryption_level,
        )
        began = time.monotonic()
        try:
            link = await self._connector.open_aside(changed, protocol)
        except DialError as error:
            cause = error.__cause__ if isinstance(error.__cause__, ConsoleError) else error
            return Verdict(False, f"the handshake failed: {error}", cause.advice, {"protocol": protocol})
        try:
            return await _judge(trial, link, (time.monotonic() - began) * 1000)
        finally:
            await link.close("only tried a changed configuration")


def _ended(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("A trial failed; it is tried again when its container is looked at next", exc_info=error)


async def _judge(trial: PendingTrial, link: Link, milliseconds: float) -> Verdict:
    """Say what the handshake settled, and whether the agent answers within what the settings allow."""
    settled = link.negotiated
    found = {
        "protocol": link.protocol,
        "version": settled.version if settled is not None else None,
        "handshake_ms": round(milliseconds, 3),
        **link.transport.facts(),
    }
    finding = await measured(link, "beside the connection, after its handshake")
    found |= finding.measured or {}
    if not finding.success:
        return Verdict(False, finding.outcome, "the handshake succeeded; look why the agent hangs", found)
    words = [f"the handshake succeeded in {milliseconds:.1f} ms: {link.protocol.upper()} {found['version']}"]
    words.append(found["tls"]["version"] if found["tls"] else "not encrypted")
    if link.protocol is Protocol.ACP:
        words.append("compressed" if found["compression"] else "not compressed")
    return Verdict(True, ", ".join(words), _warning(trial, found), found)


def _warning(trial: PendingTrial, found: dict[str, Any]) -> str | None:
    """Say what the handshake has shown to be less than was asked for."""
    values = trial.values
    if values.compression_enabled and found["protocol"] is Protocol.ACP and not found["compression"]:
        return "the container does not take up compression; frames would go uncompressed"
    if found["agent_ms"] >= values.idle_timeout:
        return (
            f"the agent took {found['agent_ms']:.0f} ms to answer, and idle_timeout would be"
            f" {values.idle_timeout} ms: the connection would be taken for lost"
        )
    return None
