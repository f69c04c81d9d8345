"""Leases: which gateway may dial and write for a container (reliability: one active connection).

All times are the database's. `epoch` grows with every change of holder, so that what a stale gateway still
tries to write is refused by `fence`, in the same transaction as the write.

A gateway is alive while its heartbeat is no older than its leases last. The living share the containers
(`shares`): each takes what is free up to its share, and gives back what it holds beyond it. One that has just
come, or come back, gets nothing from the others until it has been steady for a lease's life: else a gateway
that crashes and restarts for ever would take containers away each time. Nor does it take a lease that has
ended: it cannot know yet whether the holder is gone, or was kept from renewing by the same outage of the
database, and has records of that time to commit under its lease.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import delete, exists, func, select, text, tuple_, update

from app.errors import LeaseLost
from app.models import ContainerLease, Gateway
from app.models.base import new_id
from app.services import doorbell
from app.services.shares import shares

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

FORGOTTEN_AFTER: Final = dt.timedelta(minutes=10)
"""How long a dead gateway stays on the page of gateways."""

SESSIONS: Final = "console gateway "
"""Before its id, the application_name of a gateway's sessions."""
LOOK_AGAIN: Final = 0.1
"""Seconds after which sessions that were cut off have let go of their locks."""

_BEAT = text("""
    INSERT INTO gateway (id, address, version, lease_seconds, draining, connected, callers, forwarded,
                         messages_per_second, records_waiting, oldest_waiting_ms, loop_lag_ms)
    VALUES (:id, :address, :version, :lease_seconds, :draining, :connected, :callers, :forwarded,
            :messages_per_second, :records_waiting, :oldest_waiting_ms, :loop_lag_ms)
    ON CONFLICT (id) DO UPDATE SET
        heartbeat_at = excluded.heartbeat_at,
        steady_since = CASE WHEN gateway.heartbeat_at < now() - make_interval(secs => gateway.lease_seconds)
                       THEN now() ELSE gateway.steady_since END,
        draining = gateway.draining OR excluded.draining, connected = excluded.connected,
        callers = excluded.callers, forwarded = excluded.forwarded,
        messages_per_second = excluded.messages_per_second, records_waiting = excluded.records_waiting,
        oldest_waiting_ms = excluded.oldest_waiting_ms, loop_lag_ms = excluded.loop_lag_ms
""")
# One statement each, so that two gateways asking at once cannot both be given a container. Rows are locked in
# one order everywhere, the recorder's batches included, so that none waits for another in a circle.
_RENEW = text("""
    UPDATE container_lease SET expires_at = clock_timestamp() + make_interval(secs => :ttl)
    WHERE container_id IN (
        SELECT container_id FROM container_lease WHERE gateway_id = :gateway ORDER BY container_id FOR UPDATE
    )
    RETURNING container_id, epoch
""")
_MISSING = text("""
    INSERT INTO container_lease (container_id)
    SELECT c.id FROM container c WHERE NOT EXISTS (SELECT FROM container_lease l WHERE l.container_id = c.id)
    ORDER BY c.id FOR KEY SHARE OF c SKIP LOCKED  -- one that is being removed needs no lease any more
    ON CONFLICT DO NOTHING
""")
_ALIVE = text("""
    SELECT g.id, g.address,
           g.steady_since <= now() - make_interval(secs => g.lease_seconds) AS steady,
           count(l.container_id) AS held
    FROM gateway g LEFT JOIN container_lease l ON l.gateway_id = g.id AND l.expires_at > clock_timestamp()
    WHERE NOT g.draining AND g.heartbeat_at >= now() - make_interval(secs => g.lease_seconds)
    GROUP BY g.id
""")
_LEASES = text("""
    SELECT count(*) AS total,
           extract(epoch FROM min(l.ends_at) FILTER (
               WHERE l.gateway_id <> :gateway AND l.ends_at > clock_timestamp()) - clock_timestamp()
           )::float8 AS next_end
    FROM (
        SELECT l.gateway_id, greatest(l.expires_at, g.steady_since + make_interval(secs => :ttl)) AS ends_at
        FROM container_lease l CROSS JOIN gateway g WHERE g.id = :gateway
    ) l
""")
# One that stood still in the middle of a transaction has its locks still. Without its sessions it has none,
# and what it was about to commit is gone.
_CUT_OFF = text("""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name IN (
        SELECT :prefix || gateway_id FROM container_lease
        WHERE gateway_id <> :gateway AND expires_at < clock_timestamp())
""")
_ACQUIRE = text("""
    WITH free AS MATERIALIZED (
        SELECT container_id, gateway_id IS NULL AS given_back FROM container_lease
        WHERE gateway_id IS NULL OR (:steady AND expires_at < clock_timestamp())
        ORDER BY container_id LIMIT :room FOR UPDATE SKIP LOCKED
    )
    UPDATE container_lease l
    SET gateway_id = :gateway, epoch = epoch + 1, expires_at = clock_timestamp() + make_interval(secs => :ttl)
    FROM free WHERE l.container_id = free.container_id
    RETURNING l.container_id, epoch, given_back AND NOT EXISTS (
        SELECT FROM acp_connection k WHERE k.container_id = l.container_id AND k.status <> 'disconnected'
    ) AS in_order
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a gateway says of itself with each heartbeat. Times are in milliseconds."""

    connected: int = 0
    callers: int = 0
    forwarded: int = 0
    messages_per_second: float = 0.0
    records_waiting: int = 0
    oldest_waiting_ms: int = 0
    loop_lag_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A gateway process among the others; `address` is where they and callers reach it."""

    address: str = ""
    version: str = ""
    lease_seconds: int = 10
    id: uuid.UUID = field(default_factory=new_id)


class Standing(NamedTuple):
    """Where a gateway stands after a renewal.

    `held` has the epoch of every container it holds, `surplus` says how many of them it is to give back.
    `in_order` are those just taken that somebody had given back, or nobody had held: nothing is left there.
    `elsewhere` are the addresses of the others that take callers, the one that holds the fewest first.
    `next_end` is in how many seconds there may be more to take, because the first lease of another ends and
    may be taken; None where nobody else has one.
    """

    held: Mapping[uuid.UUID, int]
    in_order: Collection[uuid.UUID]
    surplus: int
    elsewhere: Sequence[str]
    next_end: float | None


def join(session: Session, member: Member) -> None:
    """Enter a gateway that has just started."""
    _beat(session, member, Load(), draining=False)


def renew(session: Session, member: Member, load: Load | None = None, *, draining: bool = False) -> Standing:
    """Beat the heart, prolong what is held, and take what is free up to the gateway's share.

    One that is draining is no longer counted among the living: it takes nothing, and others may. One that was
    struck off while it stood still is entered again.
    """
    _beat(session, member, load or Load(), draining=draining)
    values = {"gateway": member.id, "ttl": member.lease_seconds}
    held = {row.container_id: row.epoch for row in session.execute(_RENEW, values)}
    in_order: set[uuid.UUID] = set()
    session.execute(_MISSING)
    total, next_end = session.execute(_LEASES, values).one()
    alive = session.execute(_ALIVE).all()
    share = shares({each.id: each.held for each in alive}, total).get(member.id, 0)
    if share > len(held):
        steady = any(each.steady for each in alive if each.id == member.id)
        if steady and session.execute(_CUT_OFF, {"gateway": member.id, "prefix": SESSIONS}).all():
            next_end = LOOK_AGAIN
        taken = session.execute(_ACQUIRE, values | {"room": share - len(held), "steady": steady})
        for row in taken:
            held[row.container_id] = row.epoch
            if row.in_order:
                in_order.add(row.container_id)
    settled = {each.id: each.held for each in alive if each.steady or each.id == member.id}
    keep = shares(settled, total).get(member.id, len(held))
    others = sorted((each for each in alive if each.id != member.id), key=lambda each: each.held)
    elsewhere = [each.address for each in others]
    return Standing(held, in_order, max(0, len(held) - keep), elsewhere, next_end)


def fence(session: Session, container_id: uuid.UUID, gateway_id: uuid.UUID, epoch: int) -> None:
    """Hold the lease's row until the transaction ends, so that nobody takes over in the middle of a write.

    Raises:
        LeaseLost: another gateway holds the container, or held it in between.
    """
    lease = session.execute(
        select(ContainerLease.gateway_id, ContainerLease.epoch)
        .where(ContainerLease.container_id == container_id)
        .with_for_update(read=True)
    ).one_or_none()
    if lease is None or lease.gateway_id != gateway_id or lease.epoch != epoch:
        raise lost(container_id, epoch)


def lost(container_id: uuid.UUID, epoch: int) -> LeaseLost:
    """Say that another gateway holds a container now, or nobody does because it has been removed."""
    return LeaseLost(f"container {container_id} is not this gateway's under epoch {epoch}")


def give_back(session: Session, gateway_id: uuid.UUID, held: Iterable[tuple[uuid.UUID, int]]) -> None:
    """Free leases, given as (container, epoch), and ring for the others to take them at once."""
    session.execute(
        update(ContainerLease)
        .where(ContainerLease.gateway_id == gateway_id)
        .where(tuple_(ContainerLease.container_id, ContainerLease.epoch).in_(list(held)))
        .values(gateway_id=None, expires_at=func.now())
    )
    doorbell.free(session)


def leave(session: Session, gateway_id: uuid.UUID) -> None:
    """Give every lease back at once and strike the gateway off."""
    session.execute(
        update(ContainerLease)
        .where(ContainerLease.gateway_id == gateway_id)
        .values(gateway_id=None, expires_at=func.now())
    )
    session.execute(delete(Gateway).where(Gateway.id == gateway_id))
    doorbell.free(session)


def forget(session: Session) -> None:
    """Strike off the gateways that have been dead for long, unless they still hold something.

    What a dead one held has others' names on it by then, unless nobody could reach the database for so long.
    """
    holds = exists().where(ContainerLease.gateway_id == Gateway.id)
    session.execute(delete(Gateway).where(Gateway.heartbeat_at < func.now() - FORGOTTEN_AFTER, ~holds))


def _beat(session: Session, member: Member, load: Load, *, draining: bool) -> None:
    session.execute(_BEAT, asdict(member) | asdict(load) | {"draining": draining})
