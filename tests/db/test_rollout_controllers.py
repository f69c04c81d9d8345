"""Controllers that work at once, or die half-way: what comes of a rollout is what one alone makes of it."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from app.models import ProtocolMigration, Rollout, RolloutContainer
from app.protocol.states import Cause
from app.queries import rollouts as stored
from app.services import rollout_steps, rollouts
from tests.support.rollouts import QUIET, begin, end, register, under_way
from tests.support.store import TESTER
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import uuid

    from sqlalchemy.orm import Session, sessionmaker

NAMES = tuple(f"web-{number:02}" for number in range(12))
FAILING = {"web-03", "web-07"}


@pytest.fixture
def rollout_id(sessions: sessionmaker[Session]) -> uuid.UUID:
    with sessions.begin() as session:
        register(session, *NAMES)
        return begin(session, waves="1, 50 %", concurrency=3, limits=replace(QUIET, failures=None)).id


def work(sessions: sessionmaker[Session], rollout_id: uuid.UUID) -> None:
    """Take steps, as a gateway's controller does, and look how many are moved at once."""
    for _ in range(5):
        with sessions.begin() as session:
            rollout_steps.step(session, rollout_id)
        with sessions() as session:
            assert len(under_way(session)) <= 3


def play(sessions: sessionmaker[Session]) -> None:
    """Let gateways carry out what is under way."""
    with sessions.begin() as session:
        for migration in under_way(session):
            end(session, migration, success=migration.container.name not in FAILING)


def over(sessions: sessionmaker[Session], rollout_id: uuid.UUID) -> bool:
    with sessions() as session:
        return session.get_one(Rollout, rollout_id).state == "completed"


def check(sessions: sessionmaker[Session], rollout_id: uuid.UUID) -> None:
    """Each container was moved once, and its part says what its protocol migration says."""
    with sessions() as session:
        rows = session.execute(
            select(RolloutContainer, ProtocolMigration)
            .outerjoin(ProtocolMigration, ProtocolMigration.id == RolloutContainer.migration_id)
            .where(RolloutContainer.rollout_id == rollout_id)
        ).all()
        assert len(rows) == len(NAMES)
        for part, migration in rows:
            outcome = "completed" if migration.success else "failed"
            assert (part.state, part.attempts) == (outcome, 1)
            assert (part.detail or None) == (migration.error_message or None)
            assert migration.success is (part.name not in FAILING)
        of_it = select(func.count()).where(ProtocolMigration.cause == Cause.ROLLOUT)
        assert session.scalar(of_it) == len(NAMES)


def test_two_controllers_at_once(sessions: sessionmaker[Session], rollout_id: uuid.UUID) -> None:
    with ThreadPoolExecutor(3) as pool:

        def round_() -> bool:
            workers = [pool.submit(work, sessions, rollout_id) for _ in range(2)]
            for each in workers:
                each.result()
            pool.submit(play, sessions).result()
            return over(sessions, rollout_id)

        eventually(round_)
    check(sessions, rollout_id)


class Killed(Exception):
    """The controller's process is no more."""


def test_a_controller_that_dies_anywhere_changes_nothing(
    sessions: sessionmaker[Session], rollout_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies before and after each command that it carries out; the next one goes on."""
    chance, deaths = random.Random(7), 0  # noqa: S311 - no secret
    for command, carry_out in list(rollout_steps._CARRY_OUT.items()):

        def dying(*given: object, carry_out=carry_out) -> None:  # noqa: ANN001
            nonlocal deaths
            if chance.random() < 0.3:
                deaths += 1
                raise Killed
            carry_out(*given)
            if chance.random() < 0.3:
                deaths += 1
                raise Killed

        monkeypatch.setitem(rollout_steps._CARRY_OUT, command, dying)

    def round_() -> bool:
        try:
            work(sessions, rollout_id)
        except Killed:
            return False
        play(sessions)
        return over(sessions, rollout_id)

    eventually(round_)
    check(sessions, rollout_id)
    assert deaths > 5


def test_a_control_waits_for_a_step_and_a_step_for_a_control(
    sessions: sessionmaker[Session], rollout_id: uuid.UUID
) -> None:
    with sessions() as paused, ThreadPoolExecutor(1) as pool:
        rollout = stored.get(paused, rollout_id)
        rollouts.pause(paused, rollout, reason="look", actor=TESTER)
        stepping = pool.submit(work, sessions, rollout_id)
        paused.commit()
        stepping.result()
    with sessions() as session:
        assert under_way(session) == []
        assert stored.events(session, rollout_id)[0].what == "paused"
