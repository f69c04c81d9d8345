"""Incidents: made with a link that is told once, annotated, prolonged, revoked; every opening is noted."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import func, select

from app.errors import Conflict, Invalid
from app.models import Incident, IncidentNote
from app.protocol.audience import Audience
from app.protocol.redaction import redact_text
from app.services import audit, incident_scope
from app.services.actor import Actor
from app.services.rules import enforced
from app.services.tokens import hashed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LONGEST_TITLE: Final = 200
LONGEST_NOTE: Final = 4000
LONGEST_LIFE: Final = dt.timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentValues:
    """What an incident is made of; `containers` are names or ids, `filter` is the message viewer's.

    `life` is how long its link works from now on.
    """

    title: str
    reason: str
    begins_at: dt.datetime
    ends_at: dt.datetime
    life: dt.timedelta
    containers: tuple[str, ...] = ()
    filter: str = ""
    audience: str = Audience.SIGNED_IN


class Made(NamedTuple):
    """A new incident, and its link's secret, which cannot be read again."""

    incident: Incident
    token: str


class Visit(NamedTuple):
    """An opening by the link: what of it, from which address, and by whom if somebody is signed in."""

    what: str
    address: str
    by: str | None = None


def create(session: Session, values: IncidentValues, actor: Actor) -> Made:
    """Make an incident. Times in its filter are settled now, so that it shows the same for ever.

    Raises:
        Invalid: a value is missing, too long, of another form, or names no container.
    """
    title = _text("title", values.title, LONGEST_TITLE)
    reason = _text("reason", values.reason, LONGEST_NOTE)
    if values.audience not in list(Audience):
        raise Invalid("audience", "choose signed_in or anyone")
    scope = incident_scope.settle(session, values.filter, values.containers, values.begins_at, values.ends_at)
    token = secrets.token_urlsafe(32)
    incident = Incident(
        title=title,
        reason=reason,
        created_by=actor.name,
        begins_at=scope.begins_at,
        ends_at=scope.ends_at,
        filter=scope.filter,
        whole_fleet=not scope.containers,
        containers=list(scope.containers),
        audience=values.audience,
        token_hash=hashed(token),
        expires_at=_now(session) + _life(values.life),
    )
    with enforced(session):
        session.add(incident)
        session.flush()
    _note(session, incident, actor, "incident created", reason=reason, after=_shown(incident))
    return Made(incident, token)


def add_note(session: Session, incident: Incident, text: str, actor: Actor) -> IncidentNote:
    """Add a note, redacted as records are.

    Raises:
        Invalid: it is empty or too long.
    """
    note = IncidentNote(incident_id=incident.id, author=actor.name, text=_text("text", text, LONGEST_NOTE))
    session.add(note)
    session.flush()
    _note(session, incident, actor, "incident note added", after={"note": str(note.id)})
    return note


def prolong(session: Session, incident: Incident, life: dt.timedelta, reason: str, actor: Actor) -> None:
    """Let the link work for some time from now on, also one that has expired.

    Raises:
        Invalid: the time is too long or none, or there is no reason.
        Conflict: it was revoked.
    """
    why = _text("reason", reason, LONGEST_NOTE)
    session.refresh(incident, with_for_update=True)
    if incident.revoked_at is not None:
        raise Conflict("the link was revoked; make a new incident instead")
    before = {"expires_at": incident.expires_at.isoformat()}
    incident.expires_at = _now(session) + _life(life)
    session.flush()
    after = {"expires_at": incident.expires_at.isoformat()}
    _note(session, incident, actor, "incident prolonged", reason=why, before=before, after=after)
    session.refresh(incident)


def revoke(session: Session, incident: Incident, reason: str, actor: Actor) -> None:
    """End the link for good.

    Raises:
        Invalid: there is no reason.
        Conflict: it was revoked before.
    """
    why = _text("reason", reason, LONGEST_NOTE)
    session.refresh(incident, with_for_update=True)
    if incident.revoked_at is not None:
        raise Conflict("the link was revoked already")
    incident.revoked_at, incident.revoked_by = _now(session), actor.name
    session.flush()
    _note(session, incident, actor, "incident revoked", reason=why)


def opened(session: Session, incident: Incident, visit: Visit) -> bool:
    """Note that somebody has used the link; False where it has ended."""
    link = Actor(f"incident link {incident.title}")
    after = {name: value for name, value in visit._asdict().items() if value}
    if not incident.open:
        after["ended"] = "revoked" if incident.revoked_at else "expired"
    action = "incident opened" if incident.open else "incident refused"
    _note(session, incident, link, action, after=after)
    return incident.open


def _note(session: Session, incident: Incident, actor: Actor, action: str, **more: Any) -> None:
    audit.record(session, actor, action, ("incident", incident.id), **more)


def _text(field: str, text: str, longest: int) -> str:
    text = text.strip()
    if not text:
        raise Invalid(field, "say something, for those who read it")
    if len(text) > longest:
        raise Invalid(field, f"must not be longer than {longest} characters")
    return redact_text(text)


def _life(life: dt.timedelta) -> dt.timedelta:
    if not dt.timedelta() < life <= LONGEST_LIFE:
        raise Invalid("life", f"must be more than nothing and at most {LONGEST_LIFE.days} days")
    return life


def _now(session: Session) -> dt.datetime:
    at: dt.datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return at


def _shown(incident: Incident) -> dict[str, Any]:
    return {
        "title": incident.title,
        "containers": [each.name for each in incident.containers],
        "filter": incident.filter,
        "begins_at": incident.begins_at.isoformat(),
        "ends_at": incident.ends_at.isoformat(),
        "audience": incident.audience,
        "expires_at": incident.expires_at.isoformat(),
    }
