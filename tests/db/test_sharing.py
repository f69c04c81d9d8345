"""Gateways share the containers: against random joins, deaths, wake-ups and stops, in the database itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from app.models import Container, ContainerLease, Gateway
from app.services import containers, leases
from app.services.containers import ContainerValues
from app.services.leases import Load, Member
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.services.leases import Standing

PAST = func.now() - text("interval '1 hour'")
EVENTS = st.sampled_from(
    ["join", "die", "sleep", "wake", "stop", "register", "register", "remove", "beat", "pass"]
)


class Fleet:
    """Gateways that beat one after the other. Time passes only where a method says so."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.live: list[Member] = []
        self.asleep: list[Member] = []
        self._names = iter(range(10_000))

    def register(self, count: int = 1) -> None:
        for _ in range(count):
            values = ContainerValues(name=f"c{next(self._names)}", endpoint_url="http://127.0.0.1:9")
            containers.register(self.session, values, TESTER)

    def remove(self, which: int) -> None:
        found = self.session.scalars(select(Container.id).order_by(Container.id)).all()
        if found:
            self.session.execute(delete(Container).where(Container.id == found[which % len(found)]))

    def join(self) -> Member:
        member = Member(address=f"ws://127.0.0.1:{len(self.live)}", version="0", lease_seconds=60)
        leases.join(self.session, member)
        self.live.append(member)
        return member

    def sleep(self, which: int) -> None:
        """Let a gateway miss all its beats for longer than its leases last."""
        if self.live:
            member = self.live.pop(which % len(self.live))
            self.asleep.append(member)
            mine = Gateway.id == member.id
            self.session.execute(update(Gateway).where(mine).values(heartbeat_at=PAST))
            held = ContainerLease.gateway_id == member.id
            self.session.execute(update(ContainerLease).where(held).values(expires_at=PAST))

    def wake(self, which: int) -> None:
        if self.asleep:
            self.live.append(self.asleep.pop(which % len(self.asleep)))

    def stop(self, which: int) -> None:
        if self.live:
            leases.leave(self.session, self.live.pop(which % len(self.live)).id)

    def beat(self, member: Member) -> Standing:
        """Renew, and give back what is beyond the share at once."""
        standing = leases.renew(self.session, member)
        extra = sorted(standing.held.items())[: standing.surplus]
        if extra:
            leases.give_back(self.session, member.id, extra)
        return standing

    def time_passes(self) -> None:
        """Let everybody who is there have been steady for long."""
        self.session.execute(update(Gateway).values(steady_since=PAST))

    def holders(self) -> dict[uuid.UUID, int]:
        """How many each live gateway holds."""
        rows = self.session.execute(
            select(ContainerLease.gateway_id, func.count())
            .where(ContainerLease.gateway_id.is_not(None), ContainerLease.expires_at > func.clock_timestamp())
            .group_by(ContainerLease.gateway_id)
        )
        return {member.id: 0 for member in self.live} | {row[0]: row[1] for row in rows}

    def epochs(self) -> int:
        return int(self.session.scalar(select(func.coalesce(func.sum(ContainerLease.epoch), 0))) or 0)


@pytest.fixture
def fleet(session: Session) -> Fleet:
    return Fleet(session)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(events=st.lists(st.tuples(EVENTS, st.integers(0, 50)), max_size=25))
def test_whatever_happens_they_come_to_even_shares_and_then_rest(
    session: Session, events: list[tuple[str, int]]
) -> None:
    fleet = Fleet(session)
    happen: dict[str, Callable[[int], object]] = {
        "join": lambda _: fleet.join(),
        "die": fleet.sleep,
        "sleep": fleet.sleep,
        "wake": fleet.wake,
        "stop": fleet.stop,
        "register": lambda which: fleet.register(which % 5),
        "remove": fleet.remove,
        "beat": lambda which: fleet.live and fleet.beat(fleet.live[which % len(fleet.live)]),
        "pass": lambda _: fleet.time_passes(),
    }
    with session.begin_nested() as everything:
        fleet.register(7)
        fleet.join()
        for event, which in events:
            happen[event](which)
        if not fleet.live:
            fleet.join()
        for _ in range(3):
            fleet.time_passes()
            for member in fleet.live:
                fleet.beat(member)
        held, moved = fleet.holders(), fleet.epochs()
        total = session.scalar(select(func.count()).select_from(Container))
        assert held.keys() == {member.id for member in fleet.live}
        assert sum(held.values()) == total
        assert max(held.values()) - min(held.values()) <= 1
        for member in fleet.live:
            assert fleet.beat(member).surplus == 0
        assert fleet.epochs() == moved, "containers go on moving although all is even"
        everything.rollback()


def test_a_newcomer_gets_its_share_once_it_is_steady(fleet: Fleet) -> None:
    fleet.register(11)
    first = fleet.join()
    assert len(fleet.beat(first).held) == 11
    fleet.time_passes()
    second = fleet.join()
    assert fleet.beat(second).held == {}
    assert fleet.beat(first).surplus == 0  # it might be one that crashes at once, again and again
    fleet.register(1)
    assert len(fleet.beat(second).held) == 1  # what is new is its business already
    fleet.time_passes()
    assert fleet.beat(first).surplus == 5
    assert len(fleet.beat(second).held) == 6
    assert fleet.beat(first).surplus == 0


def test_one_that_comes_back_from_a_standstill_has_to_be_steady_anew(fleet: Fleet) -> None:
    fleet.register(10)
    first, second = fleet.join(), fleet.join()
    fleet.time_passes()
    for member in (first, second):
        assert len(fleet.beat(member).held) == 5
    fleet.sleep(1)
    assert len(fleet.beat(first).held) == 10
    fleet.wake(0)
    assert fleet.beat(second).held == {}
    assert fleet.beat(first).surplus == 0
    fleet.time_passes()
    assert fleet.beat(first).surplus == 5


def test_a_death_gives_the_others_what_was_held_and_no_more(fleet: Fleet) -> None:
    fleet.register(9)
    members = [fleet.join() for _ in range(3)]
    for member in members:
        assert len(fleet.beat(member).held) == 3
    fleet.time_passes()
    fleet.sleep(2)
    assert [len(fleet.beat(member).held) for member in members[:2]] == [5, 4]


def test_one_that_drains_takes_nothing_and_is_not_counted(fleet: Fleet, session: Session) -> None:
    fleet.register(4)
    staying, leaving = fleet.join(), fleet.join()
    for member in (staying, leaving):
        fleet.beat(member)
    standing = leases.renew(session, leaving, draining=True)
    assert (len(standing.held), standing.surplus, standing.elsewhere) == (2, 0, [staying.address])
    assert leases.renew(session, leaving).held == standing.held  # it stays so to the end
    fleet.register(2)
    now = fleet.beat(staying)
    assert (len(now.held), now.elsewhere) == (4, [])


def test_a_heartbeat_tells_the_load_and_when_the_next_lease_of_another_ends(
    fleet: Fleet, session: Session
) -> None:
    fleet.register(2)
    first, second = fleet.join(), fleet.join()
    assert leases.renew(session, first, Load(callers=3, messages_per_second=1.5)).next_end is None
    next_end = fleet.beat(second).next_end
    assert next_end is not None
    assert 0 < next_end <= 60
    told = session.get_one(Gateway, first.id)
    assert (told.callers, told.messages_per_second, told.draining) == (3, 1.5, False)


def test_the_dead_are_forgotten_after_a_while_and_may_come_back(fleet: Fleet, session: Session) -> None:
    fleet.join()
    dead = fleet.join()
    fleet.sleep(1)
    leases.forget(session)
    assert session.scalar(select(func.count()).select_from(Gateway)) == 1
    fleet.register(2)
    fleet.wake(0)
    assert len(fleet.beat(dead).held) == 1
    assert session.scalar(select(func.count()).select_from(Gateway)) == 2
