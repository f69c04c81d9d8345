"""The fleet of a filled database: containers with all that belongs to them, and what has happened to them."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.models import new_id
from app.models.base import first_id_at, moment_of
from app.services.configurations import DEFAULTS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Sequence

    import psycopg

ADMIN: Final = "admin@example.com"
SPAN: Final = dt.timedelta(days=14)
"""How long the fleet has been there."""
TEAMS: Final = ("billing", "search", "support", "checkout", "research", "docs", "mobile")
REGIONS: Final = ("eu-west", "eu-north", "us-east", "us-west", "ap-south")
KINDS: Final = ("web", "worker", "agent", "batch", "review", "triage")
PEOPLE: Final = tuple(f"{name}@example.com" for name in ("ada", "brendan", "chen", "dora", "emeka", "fatima"))
DIAL_ERRORS: Final = (
    "connection refused",
    "the handshake timed out after 10 s",
    "the certificate has expired",
    "HTTP 503 while upgrading",
)
REASONS: Final = ("closed by the container, 1001", "no pong for 14 s", "the network failed", "reconnected")
Row = tuple[Any, ...]


class Member(NamedTuple):
    """A container of the fleet and what is true of it; `connections` are its ids, the present one last."""

    id: uuid.UUID
    name: str
    acp: bool
    status: str | None
    connections: Sequence[uuid.UUID]


def make_member(chance: random.Random, number: int, until: dt.datetime) -> Member:
    fate = chance.random()
    status = "connected" if fate < 0.9 else chance.choice(("reconnecting", "error", "disconnected", None))
    some = 0 if status is None else chance.choice((1, 1, 2, 3))
    ids = [_id_at(until - SPAN * chance.random()) for _ in range(some)]
    name = f"{chance.choice(KINDS)}-{number:05}"
    return Member(new_id(), name, chance.random() < 0.7, status, sorted(ids))


def copy_fleet(
    connection: psycopg.Connection, chance: random.Random, fleet: Sequence[Member], until: dt.datetime
) -> None:
    def copy(table: str, columns: str, rows: Iterable[Row]) -> None:
        copy_rows(connection, table, columns, rows)

    copy(
        "container",
        "id, name, image, endpoint_url, labels, owner, supported_protocols, preferred_protocol, created_at",
        (
            (
                *(each.id, each.name, f"registry.example/agents/{each.name.split('-')[0]}:1.{number % 40}"),
                f"http://127.0.0.1:{20_000 + number % 40_000}",
                json.dumps({"team": chance.choice(TEAMS), "region": chance.choice(REGIONS)}),
                *(chance.choice(PEOPLE), ["http", "acp"], "acp" if each.acp else "http", until - SPAN),
            )
            for number, each in enumerate(fleet)
        ),
    )
    copy(
        "acp_connection",
        "id, connection_id, container_id, status, version, capabilities, last_active, created_at,"
        " error_count, reconnect_count, metadata",
        (_connection(chance, member, each, until) for member in fleet for each in member.connections),
    )
    copy(
        "container_session",
        "id, container_id, protocol_type, acp_connection_id",
        (
            (new_id(), each.id, *(("acp", each.connections[-1]) if _on_acp(each) else ("http", None)))
            for each in fleet
        ),
    )
    copy(
        "acp_connection_configuration",
        "id, container_id, encryption_level",
        ((new_id(), each.id, "none") for each in fleet),
    )
    gateways = [new_id() for _ in range(3)]
    copy(
        "gateway",
        "id, address, version, connected, messages_per_second, lease_seconds",
        (
            (each, f"127.0.0.1:{8765 + i}", "0.1.0", len(fleet) // 3, 120.0, 60)
            for i, each in enumerate(gateways)
        ),
    )
    copy(
        "container_lease",
        "container_id, gateway_id, epoch, expires_at",
        ((each.id, gateways[i % 3], 1, until + SPAN) for i, each in enumerate(fleet)),
    )


def _on_acp(member: Member) -> bool:
    return member.acp and member.status is not None


def _connection(chance: random.Random, member: Member, id_: uuid.UUID, until: dt.datetime) -> Row:
    present = id_ == member.connections[-1]
    made = dt.datetime.fromtimestamp(moment_of(id_), dt.UTC)
    facts: dict[str, Any] = {"transport": "acp" if member.acp else "http"}
    if present and member.status == "connected":
        facts["latency_ms"] = round(chance.lognormvariate(1.2, 0.8), 2)
    else:
        facts["last_error"] = chance.choice(DIAL_ERRORS)
    return (
        *(id_, id_.hex, member.id, member.status if present else "disconnected"),
        *("1.0.0" if member.acp else "0.3.1", json.dumps({"loadSession": True})),
        *(until - dt.timedelta(seconds=chance.expovariate(1 / 90)) if present else made, made),
        *(chance.choice((0, 0, 0, 1, 4)), chance.choice((0, 0, 1, 2)), json.dumps(facts)),
    )


def copy_history(
    connection: psycopg.Connection, chance: random.Random, fleet: Sequence[Member], until: dt.datetime
) -> None:
    """Write what has happened to the fleet: transitions, protocol migrations, audit events, people."""
    moves = ("disconnected", "connected"), ("connected", "error"), ("error", "reconnecting")
    copy_rows(
        connection,
        "acp_connection_transition",
        "id, connection_id, from_status, to_status, reason, at",
        (
            (_id_at(at), each, *move, chance.choice(REASONS), at)
            for member in fleet
            for each in member.connections
            for move in (*moves, ("reconnecting", "connected"))
            if (at := until - SPAN * chance.random())
        ),
    )
    migrations = [(_id_at(at := until - SPAN * chance.random()), at, each) for each in fleet if each.acp]
    copy_rows(
        connection,
        "protocol_migration",
        "id, container_id, from_protocol, to_protocol, started_at, completed_at, success, phase, reason,"
        " requested_by, error_message",
        (
            (
                *(id_, each.id, "http", "acp", at, at + dt.timedelta(seconds=2), each.status is not None),
                "completed" if each.status else "failed",
                *("moving the team to ACP", chance.choice(PEOPLE)),
                None if each.status else chance.choice(DIAL_ERRORS),
            )
            for id_, at, each in migrations
        ),
    )
    copy_rows(
        connection,
        "protocol_migration_step",
        "id, migration_id, phase, at",
        (
            (_id_at(at), id_, phase, at)
            for id_, at, each in migrations
            for phase in ("preflight", "switching", "verifying", "completed" if each.status else "failed")
        ),
    )
    copy_rows(
        connection,
        "audit_event",
        "id, at, actor, action, subject_type, subject_id, reason, before, after",
        (event for each in fleet for event in _events(chance, each, until)),
    )
    copy_revisions(connection, chance, fleet, until)
    copy_rows(
        connection,
        "console_user",
        "id, email, fs_uniquifier",
        ((new_id(), f"support-{number:02}@example.com", uuid.uuid4().hex) for number in range(1, 61)),
    )
    connection.execute(
        "INSERT INTO console_user_role SELECT u.id, r.id FROM console_user u, console_role r"
        " WHERE u.email LIKE 'support-%' AND r.name = 'operator'"
    )


def copy_revisions(
    connection: psycopg.Connection, chance: random.Random, fleet: Sequence[Member], until: dt.datetime
) -> None:
    """Write what was saved of each container's configuration: twice, by whom and why."""
    copy_rows(
        connection,
        "acp_connection_configuration_revision",
        "id, container_id, number, settings, changed, actor, reason, at",
        (row for each in fleet for row in _revisions(chance, each, until)),
    )


def _revisions(chance: random.Random, member: Member, until: dt.datetime) -> Iterator[Row]:
    for number, days in ((1, (7, 14)), (2, (0, 7))):
        at = until - dt.timedelta(days=chance.uniform(*days))
        field, milliseconds = chance.choice(("reconnect_delay", "idle_timeout")), 1000 * number
        settings = json.dumps(DEFAULTS.as_dict() | {field: milliseconds})
        by = chance.choice(PEOPLE), "the network there is slow"
        yield _id_at(at), member.id, number, settings, [field] if number > 1 else [], *by, at


def _events(chance: random.Random, member: Member, until: dt.datetime) -> Iterator[Row]:
    subject = ("container", member.id)
    at = until - SPAN
    registered = {"name": member.name, "owner": chance.choice(PEOPLE), "preferred_protocol": "acp"}
    yield _id_at(at), at, ADMIN, "container registered", *subject, None, None, json.dumps(registered)
    for _ in range(4):
        at = until - SPAN * chance.random()
        delay = chance.choice((500, 1000, 2000))
        before, after = ({"reconnect_delay": each} for each in (delay, delay * 2))
        what = ("configuration changed", *subject, "the network there is slow")
        yield _id_at(at), at, chance.choice(PEOPLE), *what, json.dumps(before), json.dumps(after)


def _id_at(moment: dt.datetime) -> uuid.UUID:
    """Make an id of that millisecond."""
    return uuid.UUID(int=first_id_at(moment).int | secrets.randbits(62))


def copy_rows(connection: psycopg.Connection, table: str, columns: str, rows: Iterable[Row]) -> None:
    with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
