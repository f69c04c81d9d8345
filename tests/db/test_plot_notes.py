"""Notes on plots: what is kept of one, which of them a range shows under which number, and pages of them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select, text

from app.errors import Invalid, NotFound
from app.models import AuditEvent, PlotNote
from app.protocol.states import Protocol
from app.queries import audit, handover
from app.queries import plot_notes as queries
from app.queries.paging import Where
from app.queries.plot_notes import NoteFilter
from app.queries.statistics_view import View
from app.services import connections, containers, plot_notes
from app.services.plot_notes import NoteValues
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import Container

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
TOKEN = "ghp_" + "a1B2c3D4e5F6" * 3
FIRST = Where("time", falls=True)


def note(session: Session, words: str = "release", *, ago: int = 5, **given: Any) -> PlotNote:
    values = NoteValues(at=NOW - ago * MINUTE, text=words, **given)
    return plot_notes.add(session, values, TESTER)


def shown(noted: queries.Noted) -> list[tuple[int, str]]:
    return [(each.number, each.note.text) for each in noted.notes]


def events(session: Session, note_id: uuid.UUID) -> list[AuditEvent]:
    about = select(AuditEvent).where(AuditEvent.subject_id == note_id).order_by(AuditEvent.id)
    return list(session.scalars(about))


def test_a_note_is_kept_redacted_and_audited(session: Session, register: Callable[..., Container]) -> None:
    container = register("web-7")
    given = {"kind": "deploy", "link": "https://tickets.example/4711", "container": "web-7"}
    made = note(session, f" release 4.2 {TOKEN} ", **given)
    session.expire_all()
    assert (made.kind, made.link, made.author) == ("deploy", given["link"], TESTER.name)
    assert made.container_id == container.id
    assert made.text.startswith("release 4.2 «")
    (event,) = events(session, made.id)
    assert (event.action, event.actor) == ("note added", TESTER.name)
    assert event.after is not None
    assert (event.after["name"], event.after["container"]) == (made.text, "web-7")
    assert TOKEN not in str(event.after)
    assert audit.names(session, [event]) == {made.id: made.text}


def test_a_removed_note_is_in_the_trail_only(session: Session) -> None:
    made = note(session)
    note_id = made.id
    plot_notes.remove(session, made, TESTER, "twice")
    with pytest.raises(NotFound):
        queries.get(session, note_id)
    added, removed = events(session, note_id)
    assert (removed.action, removed.reason, removed.before) == ("note removed", "twice", added.after)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"words": "two\nlines"}, "text"),
        ({"kind": "release"}, "kind"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"container": "nobody"}, "container"),
        ({"ago": -26 * 60}, "at"),
        ({"ago": 2 * 366 * 24 * 60}, "at"),
    ],
)
def test_what_is_refused_leaves_nothing(session: Session, given: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        note(session, **given)
    assert refused.value.field == field
    session.flush()
    assert session.scalar(select(func.count()).select_from(PlotNote)) == 0
    assert session.scalar(select(func.count()).where(AuditEvent.action == "note added")) == 0


def test_a_range_shows_the_fleets_and_its_containers_own(
    session: Session, register: Callable[..., Container]
) -> None:
    one, two = register("one"), register("two")
    for words, ago, container in (
        ("before", 61, ""),
        ("fleet", 60, ""),
        ("of one", 30, "one"),
        ("of two", 20, "two"),
        ("later", 10, ""),
        ("at its end", 0, ""),
    ):
        note(session, words, ago=ago, container=container)
    found = queries.of_fleet(session, NOW - HOUR, NOW)
    assert shown(found) == [(1, "later"), (2, "fleet")]
    assert (found.total, found.elsewhere, found.of) == (2, 2, "")
    of_one = queries.of_container(session, one, NOW - HOUR, NOW)
    assert shown(of_one) == [(1, "later"), (2, "of one"), (3, "fleet")]
    assert (of_one.total, of_one.elsewhere, of_one.of) == (3, 0, "one")
    connection = connections.open_row(session, two.id, Protocol.ACP, "1.0.0")
    for view, texts in (
        (View(), ["later", "fleet"]),
        (View(container="one"), ["later", "of one", "fleet"]),
        (View(connection=str(connection.id)), ["later", "of two", "fleet"]),
        (View(container="nobody"), ["later", "fleet"]),
    ):
        of_view = queries.of_view(session, view, NOW - HOUR, NOW)
        assert [each.note.text for each in of_view.notes] == texts
    assert queries.of_fleet(session, NOW - 3 * HOUR, NOW - 2 * HOUR).notes == []


def test_a_removed_container_takes_its_notes(session: Session, register: Callable[..., Container]) -> None:
    container = register("web-7")
    note(session, container="web-7")
    note(session, "fleet")
    containers.remove(session, container, TESTER, "gone")
    session.expire_all()
    assert session.scalars(select(PlotNote.text)).all() == ["fleet"]


def test_of_many_the_latest_are_shown_and_all_are_counted(session: Session) -> None:
    for number in range(queries.MOST + 3):
        note(session, f"n{number}", ago=number + 1)
    found = queries.of_fleet(session, NOW - HOUR, NOW)
    assert shown(found)[:2] == [(1, "n0"), (2, "n1")]
    assert (len(found.notes), found.total) == (queries.MOST, queries.MOST + 3)
    moved = queries.of_fleet(session, NOW - 10 * MINUTE, NOW)  # the oldest leave, no number changes
    assert shown(moved) == shown(found)[:10]


def test_the_list_is_narrowed_and_paged(session: Session, register: Callable[..., Container]) -> None:
    register("one")
    for number in range(5):
        note(session, f"n{number}", ago=10, kind="deploy")  # at the same moment
    note(session, "of one", ago=20, container="one", kind="ticket")
    texts: list[str] = []
    where: Where | None = FIRST
    while where:
        page = queries.page(session, NoteFilter(), where, limit=2)
        texts += [each.text for each in page.rows]
        where = Where("time", falls=True, after=page.after) if page.after else None
    assert texts == ["n4", "n3", "n2", "n1", "n0", "of one"]
    for narrowed, count in (
        ({"container": "one"}, 1),
        ({"container": "on"}, 0),
        ({"kind": "deploy"}, 5),
        ({"kind": "nothing"}, 6),
        ({"about": "fleet"}, 5),
        ({"about": "containers"}, 1),
        ({"since": f"{NOW - 15 * MINUTE:%Y-%m-%dT%H:%M:%S}"}, 5),
        ({"until": f"{NOW - 15 * MINUTE:%Y-%m-%dT%H:%M:%S}"}, 1),
    ):
        assert len(queries.page(session, NoteFilter.of(narrowed), FIRST).rows) == count, narrowed
    with pytest.raises(Invalid, match="since"):
        queries.page(session, NoteFilter(since="soon"), FIRST)


def test_indexes_serve_a_range_and_the_list(session: Session, register: Callable[..., Container]) -> None:
    container = register("web-7")
    session.execute(
        text(
            "INSERT INTO plot_note (at, kind, text, author, container_id) SELECT now() - n * interval '1 min'"
            ", 'other', 'x', 'ann', CASE WHEN n % 3 = 0 THEN NULL ELSE CAST(:id AS uuid) END"
            " FROM generate_series(1, 20000) n"
        ),
        {"id": container.id},
    )
    session.execute(text("ANALYZE plot_note"))
    within = "at >= now() - interval '1 hour' AND at < now()"
    for condition in (
        f"{within} AND container_id IS NULL ORDER BY at DESC, id DESC",
        f"{within} AND (container_id IS NULL OR container_id = '{container.id}') ORDER BY at DESC, id DESC",
        "true ORDER BY at DESC, id DESC",
    ):
        plan = session.execute(text(f"EXPLAIN SELECT * FROM plot_note WHERE {condition} LIMIT 50")).scalars()
        told = "\n".join(plan)
        assert "ix_plot_note" in told, told
        assert "Seq Scan" not in told, told


def test_a_handover_tells_what_was_noted_since(session: Session) -> None:
    begin = session.scalar(select(func.now()))
    assert begin is not None
    for number in range(4):
        note(session, f"n{number}", ago=60 * 24 * number)
    found = handover.changes(session, begin - MINUTE, begin + MINUTE).notes
    assert (found.times, [each.text for each in found.examples]) == (4, ["n3", "n2", "n1"])
    assert handover.changes(session, begin - HOUR, begin - MINUTE).notes.times == 0
