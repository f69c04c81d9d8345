"""Leases: one gateway a container, by the database's clock, and nothing written under an old epoch."""

from __future__ import annotations

import uuid
from dataclasses import replace
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError

from app.errors import LeaseLost
from app.models import AcpConnection, ContainerLease, Gateway
from app.queries import containers as stored
from app.services import containers, leases
from app.services.containers import ContainerValues
from app.services.leases import Member
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session, sessionmaker

    from app.services.leases import Standing

    Sessions = sessionmaker[Session]

TTL = 60


@pytest.fixture
def fleet(sessions: Sessions) -> list[uuid.UUID]:
    with sessions.begin() as session:
        values = [ContainerValues(name=f"web-{n}", endpoint_url="http://127.0.0.1:9000") for n in range(20)]
        return [containers.register(session, each, TESTER).id for each in values]


def join(sessions: Sessions, *, steady: bool = True) -> Member:
    """Enter a gateway, which has been there for a while already unless it shall not be `steady`."""
    member = Member(address="ws://127.0.0.1:8765", version="0.1.0", lease_seconds=TTL)
    with sessions.begin() as session:
        leases.join(session, member)
    if steady:
        be_steady(sessions)
    return member


def be_steady(sessions: Sessions) -> None:
    """Let all gateways have been there for an hour."""
    with sessions.begin() as session:
        session.execute(update(Gateway).values(steady_since=func.now() - text("interval '1 hour'")))


def standing(sessions: Sessions, member: Member, ttl: int = TTL, **how: bool) -> Standing:
    with sessions.begin() as session:
        return leases.renew(session, replace(member, lease_seconds=ttl), **how)


def renew(sessions: Sessions, member: Member, ttl: int = TTL) -> Mapping[uuid.UUID, int]:
    return standing(sessions, member, ttl).held


def silence(sessions: Sessions, member: Member) -> None:
    """Let a gateway's last heartbeat be an hour ago, its leases ended."""
    past = func.now() - text("interval '1 hour'")
    with sessions.begin() as session:
        session.execute(update(Gateway).where(Gateway.id == member.id).values(heartbeat_at=past))
        session.execute(
            update(ContainerLease).where(ContainerLease.gateway_id == member.id).values(expires_at=past)
        )


def fence(sessions: Sessions, container: uuid.UUID, gateway: Member, epoch: int) -> None:
    with sessions.begin() as session:
        leases.fence(session, container, gateway.id, epoch)


def test_one_alone_takes_all_and_keeps_them(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    first = join(sessions)
    assert renew(sessions, first) == dict.fromkeys(fleet, 1)
    second = join(sessions, steady=False)
    assert renew(sessions, second) == {}
    assert renew(sessions, first) == dict.fromkeys(fleet, 1)


def test_times_are_the_databases(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gateway = join(sessions)
    with sessions.begin() as session:
        leases.renew(session, gateway)
        left = select(func.extract("epoch", ContainerLease.expires_at - func.clock_timestamp()))
        seconds = session.scalars(left).all()
        assert len(seconds) == len(fleet)
        assert all(TTL - 30 < each <= TTL for each in seconds)
        assert session.scalar(select(Gateway.heartbeat_at == func.now()))


def test_an_expired_lease_is_taken_over_under_the_next_epoch(
    sessions: Sessions, fleet: list[uuid.UUID]
) -> None:
    stopped = join(sessions)
    renew(sessions, stopped)
    silence(sessions, stopped)
    other = join(sessions)
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
    silence(sessions, gateway)
    assert renew(sessions, gateway) == dict.fromkeys(fleet, 1)


@pytest.mark.usefixtures("fleet")
def test_what_came_during_a_long_outage_is_still_the_holders_to_commit(sessions: Sessions) -> None:
    """Nobody could renew for an hour; who comes back first takes nothing that another is about to renew."""
    first, second = join(sessions), join(sessions)
    held = {each: renew(sessions, each) for each in (first, second, first)}
    for each in (first, second):
        silence(sessions, each)
    for each in (first, second):
        with sessions.begin() as session:
            leases.forget(session)
        assert renew(sessions, each) == held[each]


@pytest.mark.parametrize("came", ["anew", "back"])
def test_a_lease_that_has_ended_waits_for_its_holder_until_who_wants_it_is_steady(
    sessions: Sessions, fleet: list[uuid.UUID], came: str
) -> None:
    holder = join(sessions)
    renew(sessions, holder)
    other = join(sessions, steady=False)
    silence(sessions, holder)
    if came == "back":
        silence(sessions, other)
    found = standing(sessions, other)
    assert found.held == {}
    assert found.next_end is not None
    assert TTL - 30 < found.next_end <= TTL
    be_steady(sessions)
    assert renew(sessions, other) == dict.fromkeys(fleet, 2)


@pytest.mark.usefixtures("fleet")
def test_a_dead_gateway_is_forgotten_once_others_hold_what_it_held(sessions: Sessions) -> None:
    gone, other = join(sessions), join(sessions)
    renew(sessions, gone)
    silence(sessions, gone)
    for known in ({gone.id, other.id}, {other.id}):
        with sessions.begin() as session:
            leases.forget(session)
            assert set(session.scalars(select(Gateway.id))) == known
        renew(sessions, other)


def test_an_epoch_of_before_is_fenced_off_although_the_holder_is_back(
    sessions: Sessions, fleet: list[uuid.UUID]
) -> None:
    first = join(sessions)
    renew(sessions, first)
    silence(sessions, first)
    second = join(sessions)
    renew(sessions, second)
    silence(sessions, second)
    assert renew(sessions, first) == {}
    be_steady(sessions)
    assert renew(sessions, first) == dict.fromkeys(fleet, 3)
    with pytest.raises(LeaseLost):
        fence(sessions, fleet[0], first, 1)


def test_nobody_takes_over_in_the_middle_of_a_fenced_write(
    sessions: Sessions, fleet: list[uuid.UUID]
) -> None:
    writer = join(sessions)
    renew(sessions, writer)
    silence(sessions, writer)
    other = join(sessions)
    with sessions.begin() as writing:
        leases.fence(writing, fleet[0], writer.id, 1)
        assert set(renew(sessions, other)) == set(fleet[1:])
    assert set(renew(sessions, other)) == set(fleet)


def test_no_fenced_write_in_the_middle_of_a_takeover(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    writer = join(sessions)
    renew(sessions, writer)
    silence(sessions, writer)
    other = join(sessions)
    with sessions.begin() as taking:
        leases.renew(taking, other)
        with sessions() as writing:
            writing.execute(text("SET LOCAL lock_timeout = '50ms'"))
            with pytest.raises(OperationalError) as waited:
                leases.fence(writing, fleet[0], writer.id, 1)
            assert isinstance(waited.value.orig, psycopg.errors.LockNotAvailable)


def test_two_that_ask_at_once_share_without_waiting(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gateways = [join(sessions), join(sessions)]
    for _ in range(20):
        ready, given = Barrier(2), {}

        def ask(gateway: Member, ready: Barrier = ready, given: dict = given) -> None:
            with sessions.begin() as session:
                session.connection()
                ready.wait()
                given[gateway.id] = leases.renew(session, gateway).held

        threads = [Thread(target=ask, args=(each,)) for each in gateways]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        taken = [container for held in given.values() for container in held]
        assert len(taken) == len(set(taken))
        # Who went for what the other was taking finds the rest at the next beat.
        assert sorted({*renew(sessions, gateways[0]), *renew(sessions, gateways[1])}) == sorted(fleet)
        assert {len(renew(sessions, each)) for each in gateways} == {10}
        with sessions.begin() as session:
            session.execute(update(ContainerLease).values(gateway_id=None))


def test_what_another_is_taking_is_left_to_it(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gone = join(sessions)
    renew(sessions, gone)
    silence(sessions, gone)
    first, second = join(sessions), join(sessions)
    with sessions.begin() as taking, sessions() as other:
        taken = set(leases.renew(taking, first).held)
        other.execute(text("SET LOCAL lock_timeout = '50ms'"))
        assert set(leases.renew(other, second).held) == set(fleet) - taken


def test_leaving_frees_all_at_once(sessions: Sessions, fleet: list[uuid.UUID]) -> None:
    gateway = join(sessions)
    renew(sessions, gateway)
    other = join(sessions)
    with sessions.begin() as session:
        leases.leave(session, gateway.id)
        assert session.scalars(select(Gateway.id)).all() == [other.id]
    with pytest.raises(LeaseLost):
        fence(sessions, fleet[0], gateway, 1)
    assert renew(sessions, other) == dict.fromkeys(fleet, 2)


def test_what_was_given_back_is_in_order_unless_a_connection_is_active_there(
    sessions: Sessions, fleet: list[uuid.UUID]
) -> None:
    first = join(sessions)
    taken = standing(sessions, first)
    assert set(taken.in_order) == set(taken.held) == set(fleet)  # nobody had held them
    assert standing(sessions, first).in_order == set()  # only what was just taken
    with sessions.begin() as session:
        session.add(
            AcpConnection(connection_id="k", container_id=fleet[0], status="connected", version="1.0.0")
        )
        leases.leave(session, first.id)
    second = join(sessions)
    assert set(standing(sessions, second).in_order) == set(fleet[1:])
    silence(sessions, second)
    assert standing(sessions, join(sessions)).in_order == set()


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


def test_one_that_is_being_removed_gets_no_lease(sessions: Sessions) -> None:
    """A gateway neither waits for the removal nor fails on what is gone afterwards."""
    values = ContainerValues(name="web-1", endpoint_url="http://127.0.0.1:9000")
    with sessions.begin() as session:
        containers.register(session, values, TESTER)
    member = join(sessions)
    with sessions.begin() as removing:
        containers.remove(removing, stored.get(removing, "web-1"), TESTER, "old")
        assert renew(sessions, member) == {}
