"""`flask overview`: the fleet at a glance."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import click
from flask.cli import with_appcontext

from app.cli.group import ConsoleCommand, json_option
from app.extensions import db
from app.queries import overview as queries
from app.queries import protocol_migrations, stuck

if TYPE_CHECKING:
    from app.queries.overview import Figures
    from app.queries.stuck import Stuck, StuckList


@click.command(cls=ConsoleCommand)
@json_option
@with_appcontext
def overview(*, as_json: bool) -> None:
    """Show what is stuck, the figures, the latest losses, and the protocol migrations under way."""
    session, now = db.session(), dt.datetime.now(dt.UTC)
    fleet = queries.fleet(session)
    figures = queries.figures(session, now, fleet)
    found = stuck.find(session, now, limit=20)
    if as_json:
        losses = queries.recent_losses(session, now)
        under_way = protocol_migrations.under_way(session)
        told = {
            "at": now,
            "stuck": {
                "total": found.total,
                "capped": found.capped,
                "counts": found.counts,
                "oldest": [each._asdict() for each in found.items],
            },
            "figures": _plain(figures),
            "gateways": [each._asdict() for each in fleet.gateways],
            "held_by_nobody": fleet.nobodys,
            "losses": [{**each._asdict(), "kind": each.kind.word} for each in losses],
            "protocol_migrations_under_way": [str(each.id) for each in under_way],
        }
        click.echo(json.dumps(told, default=str))
        return
    click.echo("\n".join(_lines(figures, found)))


def _plain(figures: Figures) -> dict[str, Any]:
    nested = {name: getattr(figures, name)._asdict() for name in ("counts", "latency", "processing")}
    return {**figures._asdict(), **nested}


def _lines(figures: Figures, found: StuckList) -> list[str]:
    states = ", ".join(f"{count} {name}" for name, count in figures.counts.statuses.items())
    latency = figures.latency
    measured = (
        f"{latency.median:.1f} ms median, {latency.p99:.1f} ms p99, of {latency.measured}"
        if latency.median is not None and latency.p99 is not None
        else "not measured"
    )
    more = "+" if found.capped else ""
    return [
        f"Containers: {figures.counts.total} ({states})",
        f"Messages: {figures.records_per_second:.1f} a second, {figures.errors} errors in the last hour",
        f"Connections lost in the last hour: {figures.losses}",
        f"Health ping: {measured}",
        f"Stuck: {found.total}{more}",
        *map(_stuck, found.items),
    ]


def _stuck(item: Stuck) -> str:
    return f"  {item.since:%Y-%m-%d %H:%M:%S}  {item.container:24} {stuck.KINDS[item.kind]}  {item.what}"
