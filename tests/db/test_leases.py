"""Leases: one gateway a container, by the database's clock, and nothing written under an old epoch."""

from __future__ import annotations

import uuid
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError

from app.errors import LeaseLost
from app.models import ContainerLease, Gateway
from app.services import containers, leases
from app.services.containers import ContainerValues
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session, sessionmaker

    Sessions = sessionmaker[Session]

TTL = 60.0


@pytest.fixture
def fleet(sessions: Sessions) -> list[uuid.UUID]:
    with sessions.begin() as session:
        values = [ContainerValues(name=f"web-{n}", endpoint_url="http://127.0.0.1:9000") for n in range(20)]
        return [containers.register(session, each, TESTER).id for each in values]


def join(sessions: Sessions, address: str = "127.0.0.1:8765") -> uuid.UUID:
    with sessions.begin() as session:
        return leases.join(session, address, "0.1.0").id


def renew(sessions: Sessions, gateway: uuid.UUID, ttl: float = TTL) -> Mapping[uuid.UUID, int]:
    with sessions.begin() as session:
        return leases.renew(session, gateway, ttl)


def fence(sessions: Sessions, container: uuid.UUID, gateway: uuid.UUID, epoch: int) -> None:
    with sessions.begin() as session:
        leases.fence(session, container, gateway, epoch)


def expire(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(update(ContainerLease).values(expires_at=func.now() - text("interval '1 second'")))


def test_the_first_takes_all_and_keeps_them(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    first, second = join(sessions), join(sessions)
    held = renew(sessions, first)
    assert held == dict.fromkeys(fleet, 1)
    assert renew(sessions, second) == {}
    assert renew(sessions, first) == held


def test_times_are_the_databases(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gateway = join(sessions)
    with sessions.begin() as session:
        leases.renew(session, gateway, TTL)
        left = select(func.extract("epoch", ContainerLease.expires_at - func.clock_timestamp()))
        seconds = session.scalars(left).all()
        assert len(seconds) == len(fleet)
        assert all(TTL - 30 < each <= TTL for each in seconds)
        assert session.scalar(select(Gateway.heartbeat_at == func.now()))


def test_an_expired_lease_is_taken_over_under_the_next_epoch(
    sessions: Sessions, fleet: list[uuid.UUID]
) -> None:
    stopped, other = join(sessions), join(sessions)
    renew(sessions, stopped)
    expire(sessions)
    assert renew(sessions, other) == dict.fromkeys(fleet, 2)
    assert renew(sessions, stopped) == {}
    with pytest.raises(LeaseLost):
        fence(sessions, fleet[0], stopped, 1)
    with pytest.raises(LeaseLost):  # nor under the epoch of the one who took over
        fence(sessions, fleet[0], stopped, 2)
    fence(sessions, fleet[0], other, 2)


def test_one_that_was_late_goes_on_if_nobody_took_over(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gateway = join(sessions)
    renew(sessions, gateway)
    expire(sessions)
    assert renew(sessions, gateway) == dict.fromkeys(fleet, 1)


def test_an_epoch_of_before_is_fenced_off_although_the_holder_is_back(
    sessions: Sessions, fleet: list[uuid.UUID]
) -> None:
    first, second = join(sessions), join(sessions)
    renew(sessions, first)
    expire(sessions)
    renew(sessions, second)
    expire(sessions)
    assert renew(sessions, first) == dict.fromkeys(fleet, 3)
    with pytest.raises(LeaseLost):
        fence(sessions, fleet[0], first, 1)


def test_nobody_takes_over_in_the_middle_of_a_fenced_write(
    sessions: Sessions, fleet: list[uuid.UUID]
) -> None:
    writer, other = join(sessions), join(sessions)
    renew(sessions, writer)
    expire(sessions)
    with sessions.begin() as writing:
        leases.fence(writing, fleet[0], writer, 1)
        assert set(renew(sessions, other)) == set(fleet[1:])
    assert set(renew(sessions, other)) == set(fleet)


def test_no_fenced_write_in_the_middle_of_a_takeover(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    writer, other = join(sessions), join(sessions)
    renew(sessions, writer)
    expire(sessions)
    with sessions.begin() as taking:
        leases.renew(taking, other, TTL)
        with sessions() as writing:
            writing.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(OperationalError) as waited:
                leases.fence(writing, fleet[0], writer, 1)
            assert isinstance(waited.value.orig, psycopg.errors.LockNotAvailable)


def test_two_that_ask_at_once_share_without_waiting(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gateways = [join(sessions), join(sessions)]
    for _ in range(20):
        ready, given = Barrier(2), {}

        def ask(gateway: uuid.UUID, ready: Barrier = ready, given: dict = given) -> None:
            with sessions.begin() as session:
                session.connection()
                ready.wait()
                given[gateway] = leases.renew(session, gateway, TTL)

        threads = [Thread(target=ask, args=(each,)) for each in gateways]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        taken = [container for held in given.values() for container in held]
        assert sorted(taken) == sorted(fleet)
        with sessions.begin() as session:
            session.execute(update(ContainerLease).values(gateway_id=None))


def test_what_another_is_taking_is_left_to_it(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    first, second = join(sessions), join(sessions)
    renew(sessions, first, ttl=0)
    with sessions.begin() as taking, sessions() as other:
        assert set(leases.renew(taking, first, TTL)) == set(fleet)
        other.execute(text("SET LOCAL lock_timeout = '50ms'"))
        assert leases.renew(other, second, TTL) == {}


def test_leaving_frees_all_at_once(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gateway, other = join(sessions), join(sessions)
    renew(sessions, gateway)
    with sessions.begin() as session:
        leases.leave(session, gateway)
        assert session.scalars(select(Gateway.id)).all() == [other]
    with pytest.raises(LeaseLost):
        fence(sessions, fleet[0], gateway, 1)
    assert renew(sessions, other) == dict.fromkeys(fleet, 2)


def test_a_new_container_is_taken_with_the_next_beat(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gateway = join(sessions)
    renew(sessions, gateway)
    with sessions.begin() as session:
        values = ContainerValues(name="new", endpoint_url="http://127.0.0.1:9000")
        added = containers.register(session, values, TESTER).id
    assert renew(sessions, gateway) == dict.fromkeys(fleet, 1) | {added: 1}


def test_no_container_no_lease(sessions: Sessions) -> None:
    with pytest.raises(LeaseLost):
        fence(sessions, uuid.UUID(int=9), join(sessions), 1)
