"""Tries changed configurations by a dial beside the container's connection, which stays as it is."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from app.errors import ConsoleError, DialError
from app.gateway.actions import measured
from app.gateway.beside import Beside
from app.protocol.states import Protocol
from app.queries import configuration_trials as stored
from app.services import configuration_trials

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.gateway.link import Link
    from app.gateway.snapshot import PendingTrial, Snapshot


class Verdict(NamedTuple):
    """What came of a trial, in words; `found` has what was negotiated, and times in milliseconds."""

    success: bool
    outcome: str
    advice: str | None = None
    found: dict[str, Any] | None = None


class Trials(Beside["PendingTrial", Verdict]):
    """Tries what is edited of one container's configuration."""

    def _asked(self, now: Snapshot) -> PendingTrial | None:
        return now.trial

    def _take(self, session: Session, pending: PendingTrial) -> None:
        configuration_trials.take(session, stored.get(session, pending.id), self._connector.gateway_id)

    async def _carry_out(self, pending: PendingTrial, now: Snapshot) -> Verdict:
        return await self._try(pending, now) if now.running else Verdict(False, "the container was stopped")

    def _finish(self, session: Session, pending: PendingTrial, result: Verdict) -> None:
        configuration_trials.finish(session, stored.get(session, pending.id), **result._asdict())

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
