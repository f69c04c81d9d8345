"""Rows for many dials in one statement: as one by one would open them, and none where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.models import AcpConnection, AcpConnectionSequence
from app.protocol.states import ConnectionStatus, Protocol
from app.queries import connections as stored
from app.services import connections, containers, leases
from app.services.connection_openings import Opening, open_many
from app.services.containers import ContainerValues
from app.services.leases import Member
from tests.support.store import TESTER

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session, sessionmaker

    Sessions = sessionmaker[Session]

MEMBER = Member()


@pytest.fixture
def held(sessions: Sessions) -> Mapping[uuid.UUID, int]:
    """Three containers under lease: their epochs."""
    with sessions.begin() as session:
        for number in range(3):
            values = ContainerValues(name=f"agent-{number}", endpoint_url="http://127.0.0.1:9000")
            containers.register(session, values, TESTER)
        leases.join(session, MEMBER)
        return leases.renew(session, MEMBER).held


def opened(
    sessions: Sessions, held: Mapping[uuid.UUID, int], protocol: Protocol = Protocol.ACP
) -> Sequence[uuid.UUID | None]:
    with sessions.begin() as session:
        asked = [Opening(container_id, epoch, protocol, "1.0.0") for container_id, epoch in held.items()]
        return open_many(session, asked, MEMBER.id)


@pytest.mark.parametrize("protocol", list(Protocol))
def test_each_gets_a_row_as_it_would_alone(
    sessions: Sessions, held: Mapping[uuid.UUID, int], protocol: Protocol
) -> None:
    made = opened(sessions, held, protocol)
    with sessions() as session:
        for container_id, connection_id in zip(held, made, strict=True):
            row = session.get_one(AcpConnection, connection_id)
            assert (row.container_id, row.connection_id) == (container_id, str(row.id))
            assert (row.status, row.version, row.metadata_) == (
                "disconnected",
                "1.0.0",
                {"transport": protocol.value},
            )
            assert session.get_one(AcpConnectionSequence, connection_id).last_seq == 0
            assert connections.open_row(session, container_id, protocol, "1.0.0").id == connection_id


def ended(session: Session, row: AcpConnection) -> None:
    connections.move(session, row, ConnectionStatus.CONNECTED, "first")
    connections.end(session, row, "over")


def connected(session: Session, row: AcpConnection) -> None:
    connections.move(session, row, ConnectionStatus.CONNECTED, "first")


def never_connected(_: Session, __: AcpConnection) -> None:
    """Leave it as it was opened."""


@pytest.mark.parametrize(
    ("become", "protocol", "opens"),
    [
        (ended, Protocol.ACP, True),
        (connected, Protocol.ACP, False),
        (connected, Protocol.HTTP, False),
        (never_connected, Protocol.ACP, False),
        (never_connected, Protocol.HTTP, True),
    ],
)
def test_a_row_that_can_be_dialled_with_is_left_to_who_finds_it(
    sessions: Sessions,
    held: Mapping[uuid.UUID, int],
    become: Callable[[Session, AcpConnection], None],
    protocol: Protocol,
    opens: bool,  # noqa: FBT001 - what is expected
) -> None:
    first, *others = held
    with sessions.begin() as session:
        become(session, connections.open_row(session, first, Protocol.ACP, "1.0.0"))
    made = opened(sessions, held, protocol)
    assert [each is not None for each in made] == [opens, *(True for _ in others)]
    with sessions() as session:
        latest = stored.latest(session, first, protocol)
        assert latest is None or (latest.id == made[0]) is opens


def test_under_a_lost_lease_none_is_opened(sessions: Sessions, held: Mapping[uuid.UUID, int]) -> None:
    first, *others = held
    made = opened(sessions, {**held, first: held[first] - 1})
    assert [each is not None for each in made] == [False, *(True for _ in others)]
