"""Leases: which gateway may dial and write for a container (reliability: one active connection).

All times are the database's. `epoch` grows with every change of holder, so that what a stale gateway still
tries to write is refused by `fence`, in the same transaction as the write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, text, update

from app.errors import LeaseLost
from app.models import ContainerLease, Gateway
from app.models.base import new_id

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

# One statement each, so that two gateways asking at once cannot both be given a container. Rows are locked in
# one order everywhere, the recorder's batches included, so that none waits for another in a circle.
_MISSING = text("""
    INSERT INTO container_lease (container_id)
    SELECT c.id FROM container c WHERE NOT EXISTS (SELECT FROM container_lease l WHERE l.container_id = c.id)
    ORDER BY c.id ON CONFLICT DO NOTHING
""")
_ACQUIRE = text("""
    UPDATE container_lease
    SET gateway_id = :gateway, epoch = epoch + 1, expires_at = clock_timestamp() + make_interval(secs => :ttl)
    WHERE container_id IN (
        SELECT container_id FROM container_lease
        WHERE gateway_id IS NULL OR expires_at < clock_timestamp()
        FOR UPDATE SKIP LOCKED
    )
    RETURNING container_id, epoch
""")
_RENEW = text("""
    UPDATE container_lease SET expires_at = clock_timestamp() + make_interval(secs => :ttl)
    WHERE container_id IN (
        SELECT container_id FROM container_lease WHERE gateway_id = :gateway ORDER BY container_id FOR UPDATE
    )
    RETURNING container_id, epoch
""")


def join(session: Session, address: str, version: str) -> Gateway:
    """Enter a gateway that has just started; `address` is where callers reach it."""
    gateway = Gateway(id=new_id(), address=address, version=version)
    session.add(gateway)
    session.flush()
    return gateway


def renew(session: Session, gateway_id: uuid.UUID, ttl: float) -> Mapping[uuid.UUID, int]:
    """Beat the heart, prolong what is held, take what is free; return the epoch of every container now held.

    `ttl` is in seconds.
    """
    session.execute(update(Gateway).where(Gateway.id == gateway_id).values(heartbeat_at=func.now()))
    values = {"gateway": gateway_id, "ttl": ttl}
    held = {row.container_id: row.epoch for row in session.execute(_RENEW, values)}
    session.execute(_MISSING)
    return held | {row.container_id: row.epoch for row in session.execute(_ACQUIRE, values)}


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
        raise LeaseLost(f"container {container_id} is not this gateway's under epoch {epoch}")


def leave(session: Session, gateway_id: uuid.UUID) -> None:
    """Give every lease back at once and strike the gateway off."""
    session.execute(
        update(ContainerLease)
        .where(ContainerLease.gateway_id == gateway_id)
        .values(gateway_id=None, expires_at=func.now())
    )
    session.execute(delete(Gateway).where(Gateway.id == gateway_id))
