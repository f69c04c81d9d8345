"""Change many configurations at once: a preview of what each would become, and then just that.

All is done in one transaction: what was confirmed is done for every container of the preview, or for none, so
that no fleet is left half changed and the number that was typed stays true. Beforehand the preview is made
again under the containers' locks; where it differs from the one that was shown, nothing is done.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from app.errors import Conflict, Invalid, Outdated
from app.models import AcpConnectionConfiguration, Container, new_id
from app.queries import configuration_revisions as stored
from app.services import configuration_revisions as revisions
from app.services import doorbell
from app.services.configurations import ConfigurationValues, check, check_reason, reconnects

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.models import ConfigurationRevision
    from app.services.actor import Actor

MOST: Final = 2_000
"""Containers in one bulk edit: their rows are locked while it lasts, some seconds."""


class Verdict(StrEnum):
    """What a bulk edit does to a container."""

    RECONNECTS = "reconnects"
    LIVE = "applied live"
    REFUSED = "refused"
    LEFT_OUT = "left out"
    UNCHANGED = "unchanged"


CHANGING: Final = frozenset({Verdict.RECONNECTS, Verdict.LIVE})


class Line(NamedTuple):
    """A container in the preview: what its configuration is and would be, and why it is not changed."""

    container_id: uuid.UUID
    name: str
    verdict: Verdict
    before: ConfigurationValues
    after: ConfigurationValues
    why: str = ""

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """Name each field that changes, with its old and its new value."""
        after = self.after.as_dict()
        return [(name, old, after[name]) for name, old in self.before.as_dict().items() if old != after[name]]


class Preview(NamedTuple):
    """What a bulk edit would do, by container's name."""

    lines: Sequence[Line]

    def of(self, verdict: Verdict) -> list[Line]:
        return [line for line in self.lines if line.verdict is verdict]

    @property
    def changing(self) -> list[Line]:
        """The containers that would be changed: their number is what is typed to confirm."""
        return [line for line in self.lines if line.verdict in CHANGING]

    @property
    def fingerprint(self) -> str:
        """A short word for all of it, by which the server knows it again."""
        told = [
            (str(line.container_id), line.verdict, line.before.as_dict(), line.after.as_dict())
            for line in self.lines
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


class Done(NamedTuple):
    """What a bulk edit has saved; its revisions share the id."""

    bulk_id: uuid.UUID
    revisions: Sequence[ConfigurationRevision]


def preview(session: Session, container_ids: Sequence[uuid.UUID], changes: Mapping[str, Any]) -> Preview:
    """Say what the changes would do to each of some containers; of those that are gone, nothing.

    Raises:
        Invalid: nothing is to be changed, or of too many containers.
    """
    if not changes:
        raise Invalid("changes", "choose at least one setting to change")
    if len(container_ids) > MOST:
        raise Invalid(
            "container", f"{len(container_ids)} are too many at once; {MOST} are the most: narrow the filter"
        )
    return Preview([_line(each, changes) for each in _containers(session, container_ids)])


def change(
    session: Session,
    container_ids: Sequence[uuid.UUID],
    changes: Mapping[str, Any],
    *,
    count: int,
    reason: str,
    actor: Actor,
    fingerprint: str | None = None,
) -> Done:
    """Change the configurations as the preview says; the gateways apply them at once.

    `count` is how many containers the operator expects to change, `fingerprint` that of the preview shown.

    Raises:
        Invalid: there is no reason, nothing is to be changed, or of too many containers.
        Conflict: the number is another.
        Outdated: something was changed since the preview; nothing is done.
    """
    why = check_reason(reason)
    _lock(session, container_ids)
    now = preview(session, container_ids, changes)
    if fingerprint is not None and fingerprint != now.fingerprint:
        raise Outdated("what the preview showed has changed since")
    if count != len(now.changing):
        raise Conflict(f"{len(now.changing)} configurations would be changed, not {count}")
    if not now.changing:
        raise Conflict("no configuration would be changed")
    return _save(session, now, changes, actor, why)


def _lock(session: Session, container_ids: Sequence[uuid.UUID]) -> None:
    """Have all changes of these containers and their configurations wait, and read anew what they are."""
    # By name, as fleet-wide actions lock them, so that the two do not block each other.
    rows = select(Container.id).where(Container.id.in_(container_ids)).order_by(Container.name)
    session.execute(rows.with_for_update(key_share=True))
    parts = select(AcpConnectionConfiguration.id).where(
        AcpConnectionConfiguration.container_id.in_(container_ids)
    )
    session.execute(parts.with_for_update())
    session.expire_all()


def _save(session: Session, now: Preview, changes: Mapping[str, Any], actor: Actor, why: str) -> Done:
    ids = [line.container_id for line in now.changing]
    containers = {each.id: each for each in _containers(session, ids)}
    latest = stored.latest_of_many(session, ids)
    bulk_id, saved = new_id(), []
    for line in now.changing:
        configuration = containers[line.container_id].configuration
        before = revisions.noted(session, configuration, latest.get(line.container_id))
        after = line.after.as_dict()
        revision = revisions.write(
            session, line.container_id, after, before, actor=actor, reason=why, bulk_id=bulk_id
        )
        revisions.note(session, revision, before.settings, "configuration changed")
        saved.append(revision)
    session.flush()
    changed = AcpConnectionConfiguration.container_id.in_(ids)
    session.execute(update(AcpConnectionConfiguration).where(changed).values(**changes))
    doorbell.ask_all(session, ids)
    return Done(bulk_id, saved)


def _containers(session: Session, container_ids: Sequence[uuid.UUID]) -> Sequence[Container]:
    return session.scalars(
        select(Container)
        .where(Container.id.in_(container_ids))
        .options(joinedload(Container.configuration))
        .order_by(Container.name)
    ).all()


def _line(container: Container, changes: Mapping[str, Any]) -> Line:
    before = ConfigurationValues.of(container.configuration)
    after = replace(before, **changes)
    verdict, why = _judge(container, before, after)
    return Line(container.id, container.name, verdict, before, after, why)


def _judge(
    container: Container, before: ConfigurationValues, after: ConfigurationValues
) -> tuple[Verdict, str]:
    if not before.enable_bulk_operations:
        return Verdict.LEFT_OUT, "its bulk operations are off"
    if before == after:
        return Verdict.UNCHANGED, ""
    try:
        check(after, container.endpoint_url)
    except Invalid as error:
        return Verdict.REFUSED, str(error)
    changed = revisions.changed(before.as_dict(), after.as_dict())
    return Verdict.RECONNECTS if reconnects(changed) else Verdict.LIVE, ""
