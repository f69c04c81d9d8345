"""Rollouts by their services and their controller's steps, with gateways that are played."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event as alchemy
from sqlalchemy import func, select, text

from app.errors import Conflict, Invalid, Outdated
from app.models import AuditEvent, ProtocolMigration, RolloutContainer, RolloutEvent, WebhookDelivery
from app.protocol.rollout_plan import Crossed, Feature, Limits, RolloutPlan
from app.protocol.rollout_states import Control, PartState, RolloutState
from app.protocol.states import Cause, MigrationPhase
from app.queries import containers as by_name
from app.queries import rollout_containers, rollout_selection
from app.queries import rollouts as stored
from app.queries.container_filter import ContainerFilter, Only
from app.queries.paging import Where
from app.queries.rollout_containers import PartFilter
from app.services import (
    connection_actions,
    containers,
    migration_phases,
    protocol_migrations,
    rollout_consequences,
    rollout_parts,
    rollout_plans,
    rollouts,
)
from app.services.actor import Actor
from tests.support.rollouts import (
    QUIET,
    begin,
    draft,
    end,
    end_all,
    register,
    settle,
    states,
    switch,
    under_way,
    waves,
)
from tests.support.store import TESTER

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.models import Rollout

FOUR = ("a", "b", "c", "d")


def get(session: Session, rollout: Rollout) -> Rollout:
    return stored.get(session, rollout.id)


def test_the_preview_names_who_is_left_out_and_why(session: Session) -> None:
    register(session, *FOUR)
    register(session, "http-only", supported_protocols=("http",))
    register(session, "stopped", status="stopped")
    ids = dict(
        zip(
            ("off", "held", "moving", "elsewhere"),
            register(session, "off", "held", "moving", "elsewhere"),
            strict=True,
        )
    )
    found = {name: by_name.get(session, name) for name in ids}
    found["off"].configuration.enable_bulk_operations = False
    connection_actions.request(session, found["held"], "disconnect", reason="r", actor=TESTER)
    protocol_migrations.request(session, found["moving"], "acp", reason="r", actor=TESTER)
    begin(session, selection={"text": "elsewhere"})
    shown = rollout_plans.preview(session, RolloutPlan(waves="1, 50 %"))
    assert [[each.name for each in wave] for wave in shown.waves] == [["a"], ["b"], ["c", "d"]]
    assert {why: [each.name for each in them] for why, them in shown.left_out.items()} == {
        rollout_selection.TAKES_NO_PART: ["off"],
        "it does not support acp": ["http-only"],
        rollout_selection.STOPPED: ["stopped"],
        rollout_selection.HELD: ["held"],
        rollout_selection.COMPETING: ["moving"],
        rollout_selection.ELSEWHERE: ["elsewhere"],
    }


def test_a_selection_is_the_containers_filter() -> None:
    narrowed = ContainerFilter(text="x", label="team=y", only=frozenset({Only.ERRORS, Only.HELD}))
    written = rollout_selection.written(narrowed)
    assert written == {"text": "x", "label": "team=y", "only": "errors,held"}
    assert rollout_selection.filter_of(written) == narrowed


def test_canaries_represent_the_selection_or_are_chosen(session: Session) -> None:
    register(session, "a-1", "a-2", "a-3", image="agent:1", labels={"zone": "x"})
    register(session, "b-1", image="agent:2", labels={"zone": "y"})
    shown = rollout_plans.preview(session, RolloutPlan(waves="4, 8", represent=(Feature.IMAGE,)))
    assert shown.total == 4
    shown = rollout_plans.preview(session, RolloutPlan(waves="2", represent=(Feature.IMAGE, Feature.LABELS)))
    assert shown.canaries == {"a-1", "b-1"}
    assert ("image agent:1", 0.75, 0.5) in shown.shares
    shown = rollout_plans.preview(session, RolloutPlan(canaries=("a-3",)))
    assert [each.name for each in shown.waves[0]] == ["a-3"]
    for name in ("nobody", "a-1"):
        by_name.get(session, "a-1").configuration.enable_bulk_operations = False
        with pytest.raises(Invalid, match="canaries"):
            rollout_plans.preview(session, RolloutPlan(canaries=(name,)))


def test_a_rollout_goes_through_its_waves(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="1, 50 %", concurrency=2)
    settle(session, rollout)
    assert states(session, rollout) == {"a": "running", "b": "waiting", "c": "waiting", "d": "waiting"}
    (migration,) = under_way(session)
    assert (migration.cause, migration.to_protocol, migration.plan) == (
        Cause.ROLLOUT,
        "acp",
        RolloutPlan().migration,
    )
    end_all(session, rollout)
    assert waves(session, rollout) == ["passed", "passed", "passed"]
    assert get(session, rollout).state == RolloutState.COMPLETED
    rows = session.execute(
        select(RolloutContainer, ProtocolMigration).join(
            ProtocolMigration, ProtocolMigration.id == RolloutContainer.migration_id
        )
    )
    for part, of in rows:
        assert (part.state, part.container_id, part.ended_at) == (
            "completed",
            of.container_id,
            of.completed_at,
        )
        assert (part.attempts, of.success, of.reason) == (1, True, "rollout to acp: go")
    where = Where.of({}, rollout_containers.ORDERS)
    page = rollout_containers.page(session, rollout.id, PartFilter(), where)
    assert [row.name for row in page.rows] == list(FOUR)
    assert all(row.seconds is not None and row.phase is None for row in page.rows)


def test_a_canary_that_fails_stops_it_and_what_failed_is_retried(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="1")
    end_all(session, rollout, "a")
    assert states(session, rollout) == {"a": "failed", "b": "waiting", "c": "waiting", "d": "waiting"}
    now = get(session, rollout)
    assert (now.state, now.state_reason) == ("paused", "wave 1: 1 failed (limit: 1)")
    said = rollouts.obstacles(session, rollout)
    assert {control for control, why in said.items() if why is None} == {
        Control.PROMOTE,
        Control.ABORT,
        Control.RETRY,
    }
    rollouts.retry(session, rollout, count=1, reason="fixed", actor=TESTER)
    end_all(session, rollout)
    assert set(states(session, rollout).values()) == {"completed"}
    attempts = dict(session.execute(select(RolloutContainer.name, RolloutContainer.attempts)).all())
    assert attempts == {"a": 2, "b": 1, "c": 1, "d": 1}


def test_it_goes_back_by_itself_where_the_plan_says_so(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(
        session,
        waves="50 %",
        concurrency=1,
        limits=replace(QUIET, crossed=Crossed.ROLL_BACK),
    )
    end_all(session, rollout, "b")
    assert get(session, rollout).state == "rolled_back"
    assert states(session, rollout) == {"a": "rolled_back", "b": "failed", "c": "waiting", "d": "waiting"}
    (back,) = session.scalars(select(ProtocolMigration).where(ProtocolMigration.cause == Cause.ROLLBACK))
    assert (back.to_protocol, back.container.name, back.success) == ("http", "a", True)
    assert session.get_one(ProtocolMigration, back.rollback_of_id).rollback
    events = session.scalars(select(WebhookDelivery.event).order_by(WebhookDelivery.id)).all()
    assert events == ["rollout.rolling_back", "rollout.rolled_back"]
    rollouts.retry(session, rollout, count=2, reason="fixed", actor=TESTER)
    end_all(session, rollout)
    assert set(states(session, rollout).values()) == {"completed"}


def test_it_pauses_after_a_wave_and_is_resumed_or_promoted(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="1, 2", pause_after="1", bake_seconds=3600)
    end_all(session, rollout)
    assert waves(session, rollout)[0] == "baking"
    rollouts.promote(session, rollout, reason="good enough", actor=TESTER)
    assert waves(session, rollout)[0] == "passed"
    end_all(session, rollout)
    assert waves(session, rollout) == ["passed", "baking", "waiting"]
    rollouts.pause(session, rollout, reason="lunch", actor=TESTER)
    session.execute(
        text("UPDATE rollout_wave SET baking_at = baking_at - interval '2 hours' WHERE state = 'baking'")
    )
    settle(session, rollout)
    assert waves(session, rollout)[1] == "baking"
    rollouts.resume(session, rollout, reason="back", actor=TESTER)
    end_all(session, rollout)
    assert waves(session, rollout) == ["passed", "passed", "baking"]


def test_nothing_starts_while_paused_and_after_an_abort(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="1, 100 %", concurrency=1)
    settle(session, rollout)
    rollouts.pause(session, rollout, reason="wait", actor=TESTER)
    end_all(session, rollout)
    assert states(session, rollout) == {"a": "completed", "b": "waiting", "c": "waiting", "d": "waiting"}
    rollouts.resume(session, rollout, reason="go on", actor=TESTER)
    settle(session, rollout)
    told = [(each.number, each.which) for each in rollout_consequences.of(session, rollout, Control.ABORT)]
    assert told == [(1, "finished"), (1, "running"), (2, "waiting")]
    with pytest.raises(Conflict, match="4 containers are concerned, not 2"):
        rollouts.abort(session, rollout, count=2, reason="stop", actor=TESTER)
    rollouts.abort(session, rollout, count=4, reason="stop", actor=TESTER)
    assert get(session, rollout).state == "aborting"
    end_all(session, rollout)
    assert get(session, rollout).state == "aborted"
    assert states(session, rollout) == {"a": "completed", "b": "completed", "c": "skipped", "d": "skipped"}


def test_all_or_some_are_rolled_back(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="100 %")
    end_all(session, rollout)
    part = session.scalar(select(RolloutContainer.id).where(RolloutContainer.name == "b"))
    assert part is not None
    rollouts.roll_back(session, rollout, count=1, only=[part], reason="slow", actor=TESTER)
    end_all(session, rollout)
    assert states(session, rollout) == {
        "a": "completed",
        "b": "rolled_back",
        "c": "completed",
        "d": "completed",
    }
    assert get(session, rollout).state == "completed"
    rollouts.roll_back(session, rollout, count=4, reason="all slow", actor=TESTER)
    end_all(session, rollout, "c")
    assert get(session, rollout).state == "rolled_back"
    assert states(session, rollout)["c"] == "completed"
    detail = session.scalar(select(RolloutContainer.detail).where(RolloutContainer.name == "c"))
    assert detail == "could not be taken back: it does not answer"
    rollouts.roll_back(session, rollout, count=4, reason="again", actor=TESTER)
    end_all(session, rollout)
    assert set(states(session, rollout).values()) == {"rolled_back"}


def test_what_runs_when_all_goes_back_is_cancelled_or_where_it_has_switched_taken_back(
    session: Session,
) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="100 %", concurrency=3)
    settle(session, rollout)
    draining, switched, done = under_way(session)
    end(session, done)
    settle(session, rollout)
    migration_phases.advance(session, draining, MigrationPhase.PREFLIGHT)
    migration_phases.advance(session, draining, MigrationPhase.DRAINING)
    switch(session, switched)
    assert [
        (each.number, each.which) for each in rollout_consequences.of(session, rollout, Control.ROLL_BACK)
    ] == [(1, "finished"), (2, "running, not switched yet"), (1, "running, switched already")]
    rollouts.roll_back(session, rollout, count=4, reason="wrong image", actor=TESTER)
    (event,) = session.scalars(select(AuditEvent).where(AuditEvent.action == "rollout rolled back"))
    assert event.after == {"state": "rolling_back", "taken_back": 1, "cancelled": 2}
    assert not switched.can_cancel
    assert switched.cancel_asked_at is None
    migration_phases.advance(session, switched, MigrationPhase.COMPLETED)
    end_all(session, rollout)
    assert get(session, rollout).state == "rolled_back"
    assert set(states(session, rollout).values()) == {"rolled_back"}
    assert draining.error_message == "cancelled by tester: wrong image"
    asked = select(AuditEvent.before).where(AuditEvent.action == "protocol migration cancel requested")
    assert {each["phase"] for each in session.scalars(asked)} == {"draining", "pending"}
    backs = session.scalars(select(ProtocolMigration).where(ProtocolMigration.cause == Cause.ROLLBACK))
    assert {each.rollback_of_id for each in backs} == {switched.id, done.id}, "nothing else was to go back"
    rollouts.retry(session, rollout, count=4, reason="another image", actor=TESTER)
    end_all(session, rollout)
    assert set(states(session, rollout).values()) == {"completed"}


def test_a_limit_that_takes_all_back_cancels_what_has_not_switched_yet(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="100 %", concurrency=4, limits=replace(QUIET, crossed=Crossed.ROLL_BACK))
    settle(session, rollout)
    failing, *running = under_way(session)
    end(session, failing, success=False)
    settle(session, rollout)
    session.expire_all()
    why = "cancelled by rollout controller: wave 1: 1 failed (limit: 1)"
    assert [each.cancel_words for each in running] == [why] * 3
    end_all(session, rollout)
    assert sorted(states(session, rollout).values()) == [
        "failed",
        "rolled_back",
        "rolled_back",
        "rolled_back",
    ]


def test_a_start_is_refused_where_others_take_part_by_now(session: Session) -> None:
    register(session, *FOUR)
    rollout = draft(session)
    register(session, "e")
    by_name.get(session, "a").configuration.enable_bulk_operations = False
    with pytest.raises(Outdated, match="1 joined: e; 1 no longer taking part: a"):
        rollouts.start(session, rollout, count=4, reason="go", actor=TESTER)
    with pytest.raises(Conflict, match="4 containers are concerned, not 3"):
        rollouts.start(session, rollout, count=3, reason="go", actor=TESTER, accept_changes=True)
    rollouts.start(session, rollout, count=4, reason="go", actor=TESTER, accept_changes=True)
    assert states(session, rollout) == {
        "b": "waiting",
        "c": "waiting",
        "d": "waiting",
        "e": "waiting",
        "a": "left_out",
    }


def test_late_joiners_join_the_last_wave_if_the_plan_says_so(session: Session) -> None:
    register(session, "x", "y")
    with_them, without = (
        begin(session, waves="1", selection={"text": name}, late_joiners=joins)
        for name, joins in (("x", True), ("y", False))
    )
    register(session, "late-x", "late-y")
    for rollout in (with_them, without):
        settle(session, rollout)
    assert states(session, with_them) == {"x": "running", "late-x": "running"}
    assert states(session, without) == {"y": "running"}
    assert session.scalar(select(RolloutContainer.late).where(RolloutContainer.name == "late-x"))


def test_who_cannot_be_moved_any_more_at_its_turn_is_left_out(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="1, 100 %")
    settle(session, rollout)
    protocol_migrations.request(session, by_name.get(session, "b"), "acp", reason="r", actor=TESTER)
    containers.remove(session, by_name.get(session, "c"), TESTER, "gone")
    session.flush()
    session.expire_all()
    end_all(session, rollout)
    assert states(session, rollout) == {"a": "completed", "b": "left_out", "c": "left_out", "d": "completed"}
    details = dict(session.execute(select(RolloutContainer.name, RolloutContainer.detail)).all())
    assert (details["b"], details["c"]) == ("it is on acp already", rollout_parts.GONE)


def test_a_container_that_falls_back_later_counts_as_failed(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session, waves="2", bake_seconds=3600)
    end_all(session, rollout)
    assert waves(session, rollout)[0] == "baking"
    session.execute(
        text(
            "UPDATE container_session SET protocol_type = 'http', acp_connection_id = NULL"
            " WHERE container_id = (SELECT id FROM container WHERE name = 'b')"
        )
    )
    settle(session, rollout)
    assert states(session, rollout)["b"] == "failed"
    assert get(session, rollout).state == "paused"


SLOWER = '{"before": {"ping_ms": 40}, "after": {"ping_ms": 100, "pings": 3, "requests": 0}}'
NOTHING = Limits(failures=None, failure_rate=None, success=None, latency_ratio=None, no_data=False)


@pytest.mark.parametrize(
    ("limits", "measured", "why"),
    [
        (replace(NOTHING, latency_ratio=2.0), SLOWER, "2.5 times"),
        (replace(NOTHING, failures=1, no_data=True), None, "nothing was heard"),
    ],
)
def test_what_is_measured_is_judged(session: Session, limits: Limits, measured: str | None, why: str) -> None:
    register(session, "a", "b")
    rollout = begin(session, waves="1", limits=limits)
    settle(session, rollout)
    (migration,) = under_way(session)
    end(session, migration)
    session.execute(text("UPDATE protocol_migration SET measured = CAST(:m AS jsonb)"), {"m": measured})
    # The played gateway moved it in this very transaction, whose time is from before.
    session.execute(text("ALTER TABLE acp_connection DISABLE TRIGGER acp_connection_touch"))
    session.execute(text("UPDATE acp_connection SET last_active = now() - interval '1 day'"))
    settle(session, rollout)
    assert get(session, rollout).state == "paused"
    assert why in get(session, rollout).state_reason


def test_requests_over_the_new_protocol_are_judged_by_the_rollups(session: Session) -> None:
    register(session, "a", "b")
    rollout = begin(session, waves="1", bake_seconds=3600, limits=replace(NOTHING, success=0.99))
    end_all(session, rollout)
    assert get(session, rollout).state == "running"
    session.execute(
        text(
            "INSERT INTO message_rollup (connection_id, step, at, message_type, direction, method, bin,"
            " messages, errors, bytes) SELECT id, 1, date_trunc('minute', now()), 'message', 'inbound', 'x',"
            " 5, 100, 3, 1 FROM acp_connection"
        )
    )
    session.execute(text("UPDATE acp_connection SET created_at = clock_timestamp()"))
    session.execute(text("UPDATE rollout SET measured_at = measured_at - interval '1 minute'"))
    settle(session, rollout)
    said = "wave 1: 97.00 % of the last hour's requests succeeded (limit: 99 %)"
    assert get(session, rollout).state_reason == said


def test_every_control_is_kept_with_who_from_where_why_and_what_was_before(session: Session) -> None:
    register(session, *FOUR)
    rollout = begin(session)
    rollouts.pause(session, rollout, reason="a look", actor=Actor("ann", origin="192.0.2.7"))
    event = session.scalars(select(AuditEvent).where(AuditEvent.action == "rollout paused")).one()
    assert (event.actor, event.origin, event.reason, event.subject_id) == (
        "ann",
        "192.0.2.7",
        "a look",
        rollout.id,
    )
    assert event.before == {"state": "running", "state_reason": "go"}
    assert event.after == {"state": "paused", "state_reason": "a look"}
    log = session.scalars(select(RolloutEvent).order_by(RolloutEvent.id)).all()
    assert [(each.what, each.actor) for each in log] == [
        ("created", "tester"),
        ("started", "tester"),
        ("paused", "ann"),
    ]
    with pytest.raises(Invalid, match="say why"):
        rollouts.resume(session, rollout, reason=" ", actor=TESTER)
    with pytest.raises(Conflict, match="paused cannot pause"):
        rollouts.pause(session, rollout, reason="x", actor=TESTER)


def test_many_are_begun_in_few_statements(session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO container (name, endpoint_url, supported_protocols)"
            " SELECT 'many-' || n, 'http://127.0.0.1:9', '{http,acp}' FROM generate_series(1, 1000) n"
        )
    )
    session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    rollout = begin(session, waves="1000", concurrency=1000)
    statements = 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    alchemy.listen(session.get_bind(), "before_cursor_execute", count)
    settle(session, rollout)
    counted = stored.total(stored.counts(session, rollout.id))
    assert counted == {PartState.RUNNING: 1000}
    assert statements < 300
    assert session.scalar(select(func.count()).select_from(ProtocolMigration)) == 1000
