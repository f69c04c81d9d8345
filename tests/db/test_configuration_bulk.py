"""Many configurations at once: what the preview says, and that just that is done, for all or for none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from app.errors import Conflict, Invalid, Outdated
from app.models import AuditEvent
from app.queries import configuration_revisions as stored
from app.queries import container_list
from app.queries import containers as containers_stored
from app.queries.container_filter import ContainerFilter
from app.services import configuration_bulk, configurations
from app.services.configuration_bulk import Verdict
from app.services.configurations import ConfigurationValues
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from app.models import Container

    Register = Callable[..., Container]

CHANGES = {"reconnect_delay": 5000, "compression_enabled": False}


def configure(session: Session, container: Container, **changed: Any) -> Container:
    values = ConfigurationValues(**{"encryption_level": "none", "max_reconnect_attempts": 6} | changed)
    configurations.update(session, container.configuration, values, TESTER, "before")
    session.flush()
    return container


@pytest.fixture
def fleet(session: Session, register: Register) -> Sequence[uuid.UUID]:
    """One of each kind, in order of name."""
    return [
        configure(session, register("a-live"), compression_enabled=False).id,
        configure(session, register("b-again")).id,
        configure(session, register("c-same"), **CHANGES).id,
        configure(session, register("d-refused"), max_reconnect_delay=4000).id,
        configure(session, register("e-apart"), enable_bulk_operations=False).id,
    ]


def change(session: Session, ids: Sequence[uuid.UUID], count: int, **given: Any) -> Any:
    shown = {"reason": "slow net", "actor": TESTER} | given
    return configuration_bulk.change(session, ids, CHANGES, count=count, **shown)


def numbers(session: Session, ids: Sequence[uuid.UUID]) -> list[int]:
    session.flush()
    return [stored.of_container(session, each)[0].number for each in ids]


def test_the_preview_says_what_becomes_of_each(session: Session, fleet: Sequence[uuid.UUID]) -> None:
    shown = configuration_bulk.preview(session, fleet, CHANGES)
    assert [(line.name, line.verdict) for line in shown.lines] == [
        ("a-live", Verdict.LIVE),
        ("b-again", Verdict.RECONNECTS),
        ("c-same", Verdict.UNCHANGED),
        ("d-refused", Verdict.REFUSED),
        ("e-apart", Verdict.LEFT_OUT),
    ]
    live, again, same, refused, apart = shown.lines
    assert live.changes == [("reconnect_delay", 1000, 5000)]
    assert again.changes == [*live.changes, ("compression_enabled", True, False)]
    assert same.changes == []
    assert refused.why == "reconnect_delay: must be at most max_reconnect_delay"
    assert apart.why == "its bulk operations are off"
    assert numbers(session, fleet) == [2] * 5, "nothing is saved by it"


def test_all_of_them_are_changed_with_a_shared_reason(session: Session, fleet: Sequence[uuid.UUID]) -> None:
    shown = configuration_bulk.preview(session, fleet, CHANGES)
    before = session.scalar(select(func.count()).select_from(AuditEvent)) or 0
    done = change(session, fleet, 2, fingerprint=shown.fingerprint)
    assert numbers(session, fleet) == [3, 3, 2, 2, 2]
    told = {(each.reason, each.actor, each.bulk_id) for each in done.revisions}
    assert told == {("slow net", TESTER.name, done.bulk_id)}
    events = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(2)).all()
    assert session.scalar(select(func.count()).select_from(AuditEvent)) == before + 2
    assert {(each.action, each.reason) for each in events} == {("configuration changed", "slow net")}
    after = configuration_bulk.preview(session, fleet, CHANGES)
    assert len(after.of(Verdict.UNCHANGED)) == 3


@pytest.mark.parametrize(
    "meanwhile",
    [{"idle_timeout": 1234}, {"enable_bulk_operations": False}, {"reconnect_delay": 5000}],
)
def test_what_changed_since_the_preview_is_not_done(
    session: Session, fleet: Sequence[uuid.UUID], meanwhile: dict[str, Any]
) -> None:
    shown = configuration_bulk.preview(session, fleet, CHANGES)
    configure(session, containers_stored.get(session, "b-again"), **meanwhile)
    with pytest.raises(Outdated, match="has changed since"):
        change(session, fleet, 2, fingerprint=shown.fingerprint)
    assert numbers(session, fleet) == [2, 3, 2, 2, 2]


def test_one_that_came_or_went_since_the_preview_is_noticed(
    session: Session, fleet: Sequence[uuid.UUID], register: Register
) -> None:
    shown = configuration_bulk.preview(session, fleet, CHANGES)
    session.delete(containers_stored.get(session, "c-same"))
    session.flush()
    with pytest.raises(Outdated):
        change(session, fleet, 2, fingerprint=shown.fingerprint)
    more = [*fleet, register("f-new").id]
    with pytest.raises(Outdated):
        change(session, more, 3, fingerprint=shown.fingerprint)


def test_it_says_why_it_cannot_be(session: Session, fleet: Sequence[uuid.UUID]) -> None:
    with pytest.raises(Conflict, match="2 configurations would be changed, not 3"):
        change(session, fleet, 3)
    with pytest.raises(Conflict, match="no configuration would be changed"):
        change(session, fleet[2:], 0)
    with pytest.raises(Invalid, match="reason: say why"):
        change(session, fleet, 2, reason=" ")
    with pytest.raises(Invalid, match="at least one setting"):
        configuration_bulk.preview(session, fleet, {})
    with pytest.raises(Invalid, match="too many"):
        configuration_bulk.preview(session, fleet * 2001, CHANGES)
    assert numbers(session, fleet) == [2] * 5


def test_a_filter_finds_what_the_list_shows(session: Session, fleet: Sequence[uuid.UUID]) -> None:
    assert container_list.ids(session, ContainerFilter()) == fleet
    assert container_list.ids(session, ContainerFilter(text="b-a")) == [fleet[1]]
    assert container_list.ids(session, ContainerFilter(status="never")) == fleet
    assert container_list.ids(session, ContainerFilter(status="connected")) == []
