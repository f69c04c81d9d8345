"""Revisions of a container's connection configuration: written in the transaction of the change itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app.models import ConfigurationRevision
from app.queries import configuration_revisions as stored
from app.services import audit
from app.services.actor import Actor
from app.services.rules import one_at_a_time

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.models import AcpConnectionConfiguration

ELSEWHERE: Final = Actor("outside the console")
FOUND: Final = "found changed: by SQL, or by a console from before revisions"
SUBJECT: Final = "acp_connection_configuration"

Settings = dict[str, Any]


def settle(session: Session, configuration: AcpConnectionConfiguration) -> ConfigurationRevision:
    """Lock a configuration, so that changes come one after the other, and return its latest revision.

    What others have changed without a revision is noted as one first, under their name, which we do not know.
    """
    one_at_a_time(session, configuration.container)
    session.refresh(configuration, with_for_update=True)
    return noted(session, configuration, stored.latest(session, configuration.container_id))


def noted(
    session: Session, configuration: AcpConnectionConfiguration, latest: ConfigurationRevision | None
) -> ConfigurationRevision:
    """Return the revision of what a locked configuration is, having noted it as one if others changed it."""
    if latest is not None and latest.settings == settings_of(configuration):
        return latest
    now = settings_of(configuration)
    revision = write(session, configuration.container_id, now, latest, actor=ELSEWHERE, reason=FOUND)
    before = latest.settings if latest is not None else None
    note(session, revision, before, "configuration found changed")
    return revision


def write(
    session: Session,
    container_id: uuid.UUID,
    settings: Settings,
    latest: ConfigurationRevision | None,
    *,
    actor: Actor,
    reason: str,
    reverted_from: int | None = None,
    bulk_id: uuid.UUID | None = None,
) -> ConfigurationRevision:
    """Add the revision that follows the latest one, of what the configuration is now."""
    revision = ConfigurationRevision(
        container_id=container_id,
        number=latest.number + 1 if latest is not None else 1,
        settings=settings,
        changed=changed(latest.settings, settings) if latest is not None else [],
        actor=actor.name,
        reason=reason,
        reverted_from=reverted_from,
        bulk_id=bulk_id,
    )
    session.add(revision)
    return revision


def note(
    session: Session, revision: ConfigurationRevision, before: Mapping[str, Any] | None, action: str
) -> None:
    """Write a revision into the audit trail: there it stays when its container goes."""
    told = {"revision": revision.number}
    if revision.reverted_from is not None:
        told["reverted_from"] = revision.reverted_from
    audit.record(
        session,
        Actor(revision.actor),
        action,
        (SUBJECT, revision.container_id),
        reason=revision.reason,
        before=before,
        after=revision.settings | told,
    )


def settings_of(configuration: AcpConnectionConfiguration) -> Settings:
    """Return a configuration's fields as a revision keeps them."""
    return {name: getattr(configuration, name) for name in configuration.FIELDS}


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Name the fields in which two sets of settings differ, in their order."""
    return [name for name, value in after.items() if name not in before or before[name] != value]
