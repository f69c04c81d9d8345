"""Revisions of configurations: gapless numbers, who and why, conflicts, revert, and what others changed."""

from __future__ import annotations

import datetime as dt
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select, text, update

from app.errors import Invalid, NotFound, Outdated
from app.models import AcpConnectionConfiguration, AuditEvent, Container
from app.queries import configuration_revisions as stored
from app.queries import containers as containers_stored
from app.queries.configuration_revisions import RevisionFilter
from app.services import configurations, containers
from app.services.actor import Actor
from app.services.configurations import ConfigurationValues
from tests.support.store import BOTH, TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session, sessionmaker

    Register = Callable[..., Container]

ANN, BOB = Actor("ann"), Actor("bob")


def save(session: Session, container: Container, actor: Actor = ANN, **changed: Any) -> Any:
    base = changed.pop("base", None)
    values = replace(ConfigurationValues.of(container.configuration), **changed)
    return configurations.update(session, container.configuration, values, actor, "as asked", base=base)


def numbers(session: Session, container: Container) -> list[int]:
    return [each.number for each in stored.of_container(session, container.id, limit=100)]


def test_a_container_begins_with_revision_1(session: Session, register: Register) -> None:
    container = register()
    (first,) = stored.of_container(session, container.id)
    assert (first.number, first.actor, first.reason, first.changed) == (1, TESTER.name, "registered", [])
    assert first.settings == ConfigurationValues(encryption_level="none").as_dict()


def test_a_change_is_a_revision_with_who_and_why(session: Session, register: Register) -> None:
    container = register()
    revision = save(session, container, idle_timeout=7000, enable_metrics=False)
    session.flush()
    assert (revision.number, revision.actor, revision.reason) == (2, "ann", "as asked")
    assert revision.changed == ["idle_timeout", "enable_metrics"]
    assert revision.settings == ConfigurationValues.of(container.configuration).as_dict()
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert (event.action, event.reason, event.actor) == ("configuration changed", "as asked", "ann")
    assert event.after == revision.settings | {"revision": 2}


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_change_needs_a_reason(session: Session, register: Register, reason: str) -> None:
    container = register()
    values = replace(ConfigurationValues.of(container.configuration), idle_timeout=7)
    with pytest.raises(Invalid, match="reason: say why"):
        configurations.update(session, container.configuration, values, ANN, reason)
    assert numbers(session, container) == [1]


def test_what_changes_nothing_is_no_revision(session: Session, register: Register) -> None:
    container = register()
    assert save(session, container) is None
    assert numbers(session, container) == [1]


def test_whoever_was_shown_an_older_revision_is_told(session: Session, register: Register) -> None:
    container = register()
    save(session, container, ANN, idle_timeout=7000, base=1)
    with pytest.raises(Outdated, match="revision 2 was saved by ann meanwhile: as asked"):
        save(session, container, BOB, idle_timeout=8000, base=1)
    assert container.configuration.idle_timeout == 7000
    save(session, container, BOB, idle_timeout=8000, base=2)
    assert numbers(session, container) == [3, 2, 1]


def test_a_revert_is_a_new_revision(session: Session, register: Register) -> None:
    container = register()
    save(session, container, idle_timeout=7000)
    save(session, container, idle_timeout=8000, reconnect_delay=5)
    second = stored.get(session, container.id, 2)
    back = configurations.revert(session, second, BOB, "it was better", base=3)
    assert back is not None
    assert (back.number, back.reverted_from, back.changed) == (4, 2, ["reconnect_delay", "idle_timeout"])
    assert ConfigurationValues.of(container.configuration).as_dict() == second.settings
    assert configurations.revert(session, second, BOB, "again") is None
    with pytest.raises(Outdated):
        configurations.revert(session, second, BOB, "too late", base=3)


def test_a_revert_is_judged_by_the_rules_of_now(session: Session, register: Register) -> None:
    container = register(endpoint_url="https://127.0.0.1:9000")
    save(session, container, encryption_level="none")
    changed = replace(containers.ContainerValues.of(container), endpoint_url="http://127.0.0.1:9000")
    containers.update(session, container, changed, TESTER)
    with pytest.raises(Invalid, match="only none is possible"):
        configurations.revert(session, stored.get(session, container.id, 1), BOB, "as it was")
    assert numbers(session, container) == [2, 1]


def test_a_revision_from_before_a_field_has_its_default(session: Session, register: Register) -> None:
    container = register()
    old = {"idle_timeout": 9, "was_dropped": True}
    assert ConfigurationValues.of_settings(old) == ConfigurationValues(idle_timeout=9)
    assert stored.latest(session, container.id) is not None


def test_what_others_changed_is_noted_first(session: Session, register: Register) -> None:
    container = register()
    session.execute(update(AcpConnectionConfiguration).values(idle_timeout=1234))
    with pytest.raises(Outdated, match="saved by outside the console"):
        save(session, container, reconnect_delay=5, base=1)
    save(session, container, reconnect_delay=5, base=2)
    told = [(each.number, each.actor, each.changed) for each in stored.of_container(session, container.id)]
    assert told == [
        (3, "ann", ["reconnect_delay"]),
        (2, "outside the console", ["idle_timeout"]),
        (1, "tester", []),
    ]


def test_a_container_that_sql_added_gets_its_revisions(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        session.add(Container(name="sql", endpoint_url="http://127.0.0.1:1"))
    with sessions.begin() as session:
        container = containers_stored.get(session, "sql")
        assert stored.latest(session, container.id) is None
        save(session, container, encryption_level="none")
        assert numbers(session, container) == [2, 1]


def test_numbers_are_gapless_while_many_save_at_once(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        values = containers.ContainerValues(
            name="web-1", endpoint_url="http://127.0.0.1:9000", supported_protocols=BOTH
        )
        containers.register(session, values, TESTER)

    def change(number: int) -> None:
        with sessions.begin() as session:
            save(session, containers_stored.get(session, "web-1"), idle_timeout=1000 + number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(24)))
    with sessions.begin() as session:
        container = containers_stored.get(session, "web-1")
        found = stored.of_container(session, container.id, limit=100)
        assert [each.number for each in found] == list(range(25, 0, -1))
        for later, earlier in pairwise(found):
            assert later.changed == ["idle_timeout"]
            assert later.settings["idle_timeout"] != earlier.settings["idle_timeout"]


def test_they_go_with_their_container_and_the_audit_stays(session: Session, register: Register) -> None:
    container = register()
    save(session, container, idle_timeout=7000)
    gone = container.id
    containers.remove(session, container, BOB, "no longer needed")
    assert stored.of_container(session, gone) == []
    told = select(AuditEvent.action).where(AuditEvent.subject_id == gone).order_by(AuditEvent.id)
    assert session.scalars(told).all() == [
        "container registered",
        "configuration changed",
        "container removed",
    ]


@pytest.mark.parametrize("number", [0, 2, -1, 2**40])
def test_a_number_that_is_not_there(session: Session, register: Register, number: int) -> None:
    with pytest.raises(NotFound, match="there is no revision"):
        stored.get(session, register().id, number)


def test_the_list_is_narrowed_and_paged(session: Session, register: Register) -> None:
    first, second = register("web-1"), register("db_1")
    save(session, first, ANN, idle_timeout=7000)
    save(session, second, BOB, reconnect_delay=5)
    session.flush()
    now = dt.datetime.now(dt.UTC)
    hour = dt.timedelta(hours=1)
    for narrowed, expected in [
        ({}, [("db_1", 2), ("web-1", 2), ("db_1", 1), ("web-1", 1)]),
        ({"container": "WEB"}, [("web-1", 2), ("web-1", 1)]),
        ({"container": "b_1"}, [("db_1", 2), ("db_1", 1)]),
        ({"actor": "bo"}, [("db_1", 2)]),
        ({"field": "idle_timeout"}, [("web-1", 2)]),
        ({"since": now + hour}, []),
        ({"until": now - hour}, []),
        ({"since": now - hour, "until": now + hour, "actor": "ann"}, [("web-1", 2)]),
    ]:
        wanted = RevisionFilter(**narrowed)  # type: ignore[arg-type]
        rows = stored.page(session, wanted, limit=50)
        assert [(row.container, row.revision.number) for row in rows] == expected, narrowed
        keys = stored.keys(session, wanted, before=None, limit=50)
        assert list(stored.of_keys(session, keys).values()) == rows
        assert [key.container for key in keys] == [row.container for row in rows]
    top = stored.keys(session, RevisionFilter(), before=None, limit=2)
    rest = stored.keys(session, RevisionFilter(), before=uuid.UUID(top[-1].id), limit=50)
    assert [row.revision.number for row in stored.of_keys(session, rest).values()] == [1, 1]


def test_a_page_of_a_field_is_read_by_its_index_however_rarely_it_is_changed(
    session: Session, register: Register
) -> None:
    container = register()
    save(session, container, enable_metrics=False)
    session.flush()
    session.execute(
        text(
            "INSERT INTO acp_connection_configuration_revision"
            " (id, container_id, number, settings, changed, actor, reason)"
            " SELECT gen_random_uuid(), container_id, number + n, settings, ARRAY['idle_timeout'], actor, ''"
            " FROM acp_connection_configuration_revision, generate_series(1, 5000) n WHERE number = 2"
        )
    )
    session.execute(text("ANALYZE acp_connection_configuration_revision"))
    read: list[int] = []

    def measure(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            plan = cursor.fetchone()[0][0]["Plan"]
            read.append(rows_read(plan))

    event.listen(session.get_bind(), "before_cursor_execute", measure)
    try:
        found = {
            field: len(stored.keys(session, RevisionFilter(field=field), before=None, limit=50))
            for field in AcpConnectionConfiguration.FIELDS
        }
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", measure)
    assert found == dict.fromkeys(found, 0) | {"idle_timeout": 50, "enable_metrics": 1}
    assert max(read) <= 50


def rows_read(plan: dict[str, Any]) -> int:
    """Return how many revisions a plan has looked at."""
    own = plan.get("Relation Name") == "acp_connection_configuration_revision"
    looked = (
        (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"] if own else 0
    )
    return int(looked) + sum(map(rows_read, plan.get("Plans", [])))
