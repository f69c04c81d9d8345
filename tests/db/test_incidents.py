"""Incidents: what one is about is settled when it is made, what it shows, and what its link stores."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, select, update

from app.errors import Conflict, Invalid, NotFound
from app.models import AcpMessage, AuditEvent, Container, Incident, new_id
from app.models.base import first_id_at
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import incident_contents as contents
from app.queries import incidents as queries
from app.services import configurations, connections, incidents, protocol_migrations
from app.services.configurations import ConfigurationValues
from app.services.incidents import IncidentValues, Visit
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy.orm import Session

    from app.models import AcpConnection

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)


def values(**given: Any) -> IncidentValues:
    shown = {
        "title": "web-1 drops",
        "reason": "ticket 4711",
        "begins_at": NOW - HOUR,
        "ends_at": NOW + HOUR,
        "life": dt.timedelta(days=1),
    }
    return IncidentValues(**(shown | given))


def connect(session: Session, container: Container) -> AcpConnection:
    return connections.open_row(session, container.id, Protocol.ACP, "1.0.0")


def record(session: Session, connection: AcpConnection, at: dt.datetime = NOW, **fields: Any) -> AcpMessage:
    made = first_id_at(at).int | (new_id().int & (1 << 62) - 1)
    shown = {"direction": "inbound", "message_type": "event", "size": 1, "timestamp": at, "payload": {}}
    message = AcpMessage(connection_id=connection.id, id=type(new_id())(int=made), **(shown | fields))
    session.add(message)
    session.flush()
    return message


def events(session: Session, incident: Incident) -> list[tuple[str, str]]:
    about = select(AuditEvent).where(AuditEvent.subject_id == incident.id).order_by(AuditEvent.id)
    return [(each.actor, each.action) for each in session.scalars(about)]


def test_the_secret_is_told_once_and_only_its_hash_is_stored(
    session: Session, register: Callable[..., Container]
) -> None:
    register()
    incident, token = incidents.create(session, values(containers=("web-1",)), TESTER)
    assert len(token) >= 43  # 256 bits
    assert incident.token_hash == hashlib.sha256(token.encode()).hexdigest()
    stored = session.execute(select(Incident.__table__)).mappings().one()
    trail = session.scalars(select(AuditEvent).where(AuditEvent.subject_id == incident.id)).one()
    assert token not in f"{dict(stored)} {trail.before} {trail.after} {trail.reason}"
    assert queries.by_hash(session, incident.token_hash) is incident
    assert incident.audience == "signed_in"
    assert incident.open


@pytest.mark.parametrize("since", ["since:10m", "after:-10m"])
def test_names_and_times_of_its_filter_are_settled(
    session: Session, register: Callable[..., Container], since: str
) -> None:
    for name in ("web-1", "web-2", "db-1"):
        register(name)
    written = f"container:web-* {since} type:event -container:web-2"
    earliest = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10, seconds=1)
    incident, _ = incidents.create(session, values(filter=written), TESTER)
    assert [each.name for each in incident.containers] == ["web-1", "web-2"]
    assert incident.filter == "type:event -container:web-2"
    assert earliest <= incident.begins_at <= dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
    assert not incident.whole_fleet


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"reason": ""}, "reason"),
        ({"containers": ("nobody",)}, "containers"),
        ({"filter": "container:nobody*"}, "containers"),
        ({"filter": "nonsense:1"}, "filter"),
        ({"filter": "-since:5m"}, "filter"),
        ({"ends_at": NOW - HOUR}, "ends_at"),
        ({"filter": "until:2020-01-01"}, "ends_at"),
        ({"audience": "everybody"}, "audience"),
        ({"life": dt.timedelta()}, "life"),
        ({"life": dt.timedelta(days=91)}, "life"),
    ],
)
def test_what_breaks_a_rule_is_refused(session: Session, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        incidents.create(session, values(**given), TESTER)
    assert refused.value.field == field


def test_it_shows_its_containers_and_its_time_and_no_more(
    session: Session, register: Callable[..., Container]
) -> None:
    ours, other = (connect(session, register(name)) for name in ("web-1", "web-2"))
    shown = record(session, ours, message_type="event")
    for hidden in (
        record(session, other),
        record(session, ours, NOW - 2 * HOUR),
        record(session, ours, NOW + 2 * HOUR),
        record(session, ours, message_type="status"),
    ):
        incident, _ = incidents.create(session, values(containers=("web-1",), filter="type:event"), TESTER)
        assert [each.id for each in contents.messages(session, incident).records] == [shown.id]
        with pytest.raises(NotFound):
            contents.message(session, incident, hidden.id)
    assert contents.message(session, incident, shown.id) is shown


def test_states_changes_and_migrations_of_its_time(
    session: Session, register: Callable[..., Container]
) -> None:
    container, other = register("web-1"), register("web-2")
    for each in (container, other):
        connection = connect(session, each)
        connections.move(session, connection, ConnectionStatus.CONNECTED, "the handshake succeeded")
        configurations.update(
            session,
            each.configuration,
            ConfigurationValues(idle_timeout=9000, encryption_level="none"),
            TESTER,
            reason="slow",
        )
        protocol_migrations.request(session, each, "acp", reason="try", actor=TESTER)
    incident, _ = incidents.create(session, values(containers=("web-1",)), TESTER)
    assert [(each.container, each.transition.to_status) for each in contents.states(session, incident)] == [
        ("web-1", "connected")
    ]
    assert [each.subject_id for each in contents.configuration_changes(session, incident)] == [container.id]
    assert [each.container_id for each in contents.migrations(session, incident)] == [container.id]
    past = values(containers=("web-1",), begins_at=NOW - 3 * HOUR, ends_at=NOW - HOUR)
    earlier, _ = incidents.create(session, past, TESTER)
    assert contents.states(session, earlier) == []
    assert contents.configuration_changes(session, earlier) == []
    assert contents.migrations(session, earlier) == []


def test_one_of_the_whole_fleet_shows_messages_alone(
    session: Session, register: Callable[..., Container]
) -> None:
    connection = connect(session, register())
    connections.move(session, connection, ConnectionStatus.CONNECTED, "the handshake succeeded")
    found = record(session, connection)
    incident, _ = incidents.create(session, values(), TESTER)
    assert incident.whole_fleet
    assert [each.id for each in contents.messages(session, incident).records] == [found.id]
    assert contents.states(session, incident) == []


def test_a_removed_container_does_not_open_the_fleet(
    session: Session, register: Callable[..., Container]
) -> None:
    container = register("web-1")
    other = record(session, connect(session, register("web-2")))
    incident, _ = incidents.create(session, values(containers=("web-1",)), TESTER)
    session.execute(delete(Container).where(Container.id == container.id))
    session.expire_all()
    assert incident.containers == []
    assert contents.messages(session, incident).records == []
    with pytest.raises(NotFound):
        contents.message(session, incident, other.id)


def test_pages_end_where_its_time_begins(
    session: Session, register: Callable[..., Container], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.queries.message_search.WINDOW", 3)
    connection = connect(session, register())
    for minutes in range(300, 0, -20):
        record(session, connection, NOW - dt.timedelta(minutes=minutes))
    incident, _ = incidents.create(session, values(containers=("web-1",)), TESTER)
    seen, before, pages = 0, None, 0
    while True:
        found = contents.messages(session, incident, before=before, limit=2)
        seen, pages = seen + len(found.records), pages + 1
        if found.older is None:
            break
        before = found.older
    assert seen == 3
    assert pages <= 4


def test_notes_are_redacted_and_kept(session: Session, register: Callable[..., Container]) -> None:
    register()
    incident, _ = incidents.create(session, values(containers=("web-1",)), TESTER)
    secret = "ghp_" + "a1B2" * 9
    incidents.add_note(session, incident, f"the token {secret} is in its log", TESTER)
    session.refresh(incident)
    assert secret not in incident.notes[0].text
    assert "«" in incident.notes[0].text
    with pytest.raises(Invalid):
        incidents.add_note(session, incident, "  ", TESTER)


def test_it_expires_is_prolonged_and_revoked(session: Session, register: Callable[..., Container]) -> None:
    register()
    incident, _ = incidents.create(session, values(containers=("web-1",)), TESTER)
    assert incidents.opened(session, incident, Visit("page", "192.0.2.7"))
    session.execute(update(Incident).values(expires_at=NOW - HOUR))
    session.refresh(incident)
    assert not incidents.opened(session, incident, Visit("page", "192.0.2.7"))
    incidents.prolong(session, incident, dt.timedelta(hours=2), "still at it", TESTER)
    assert incident.open
    incidents.revoke(session, incident, "solved", TESTER)
    assert not incidents.opened(session, incident, Visit("page", "192.0.2.7", "ann@example.com"))
    for again in (
        lambda: incidents.revoke(session, incident, "again", TESTER),
        lambda: incidents.prolong(session, incident, HOUR, "again", TESTER),
    ):
        with pytest.raises(Conflict):
            again()
    link = "incident link web-1 drops"
    assert events(session, incident) == [
        (TESTER.name, "incident created"),
        (link, "incident opened"),
        (link, "incident refused"),
        (TESTER.name, "incident prolonged"),
        (TESTER.name, "incident revoked"),
        (link, "incident refused"),
    ]
    refused = session.scalars(
        select(AuditEvent).where(AuditEvent.action == "incident refused").order_by(AuditEvent.id.desc())
    ).first()
    assert refused is not None
    assert refused.after == {
        "what": "page",
        "address": "192.0.2.7",
        "by": "ann@example.com",
        "ended": "revoked",
    }
