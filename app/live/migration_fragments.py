"""Protocol migrations, the look before one, and the way home, as pages and live updates show them."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import current_app

from app.protocol.phases import way
from app.protocol.preflight import BY_NETWORK, joined, overall
from app.protocol.states import Protocol
from app.protocol.strategies import Strategy
from app.queries import (
    blast,
    containers,
    gateways,
    preflights,
    protocol_migrations,
    way_home,
)
from app.services.preflights import obstacle as dry_run_obstacle

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.queries.paging import Where
    from app.queries.protocol_migrations import MigrationFilter


def actions(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    protocol = container.session.protocol_type
    targets = [each for each in Protocol if container.supports(each) and each != protocol]
    return {
        "container": container,
        "targets": targets,
        "under_way": protocol_migrations.open_of(session, container_id),
        "to_roll_back": protocol_migrations.to_roll_back(session, container),
    }


def home(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return {"container": container, "decision": way_home.of(session, container)}


def history(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    found = protocol_migrations.of_container(session, container_id)
    return {"container_id": container_id, "migrations": found}


def standing(session: Session, migration_id: uuid.UUID) -> Mapping[str, Any]:
    migration = protocol_migrations.get(session, migration_id)
    session.refresh(migration)
    return {
        "migration": migration,
        "plan": migration.plan,
        "stations": way(migration.plan, [each.phase for each in migration.steps]),
        "meanwhile": blast.of(session, migration.container).interrupts(Strategy.GRACEFUL),
    }


def buttons(session: Session, migration_id: uuid.UUID) -> Mapping[str, Any]:
    """Say what can be asked of it; apart from how far it is, for a form with a reason half typed has them."""
    migration = protocol_migrations.get(session, migration_id)
    session.refresh(migration)
    able = protocol_migrations.to_roll_back(session, migration.container) is migration
    return {"migration": migration, "can_roll_back": able}


def details(session: Session, migration_id: uuid.UUID) -> Mapping[str, Any]:
    migration = protocol_migrations.get(session, migration_id)
    steps = list(migration.steps)
    return {
        "migration": migration,
        "plan": migration.plan,
        "steps": list(zip_longest(steps, [each.at for each in steps[1:]])),
        "looked": preflights.of_migration(session, migration_id),
    }


def look(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    target = container.other_protocol
    policy = current_app.extensions["settings"].endpoint_policy()
    static = preflights.static_checks(session, container, target, policy)
    last = preflights.latest(session, container_id, target)
    seen = last.found if last is not None and not last.open else []
    checks = joined(static, seen)
    return {
        "container": container,
        "target": target,
        "last": last,
        "checks": checks,
        "verdict": overall(checks),
        "of_dry_run": overall(joined([], seen)),
        "network": BY_NETWORK,
        "obstacle": dry_run_obstacle(session, container),
        "holder": gateways.holder(session, container_id),
    }


def radius(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    container = containers.get(session, container_id)
    return {
        "container_id": container_id,
        "radius": blast.of(session, container),
        "strategies": list(Strategy),
    }


def listed(session: Session, narrowed: MigrationFilter, where: Where) -> Mapping[str, Any]:
    page = protocol_migrations.lines(session, narrowed, where)
    sort = where.word(protocol_migrations.ORDERS)
    query = urlencode([*narrowed.in_url(), *([("sort", sort)] if sort.startswith("-") else [])])
    return {"page": page, "query": query, "narrowed": narrowed, "begun": not (where.after or where.before)}
