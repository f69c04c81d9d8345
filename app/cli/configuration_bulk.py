"""`flask configurations change-many`: change the configurations of many containers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from app.cli.configuration_words import read
from app.cli.container_filter import narrowed_by, narrowing
from app.cli.container_words import say
from app.cli.group import json_option
from app.extensions import db
from app.queries import container_list, containers
from app.services import configuration_bulk as services
from app.services.actor import COMMAND_LINE

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from app.services.configuration_bulk import Line


def add_to(group: click.Group) -> None:
    """Add the command, in the group's way."""
    group.command("change-many")(change_many)


@click.argument("changes", nargs=-1, required=True, metavar="FIELD=VALUE...")
@click.option("--container", "chosen", multiple=True, help="One of the containers, by name or id; repeat it.")
@narrowing
@click.option("--reason", help="Why, for those who read the history; needed with --count.")
@click.option(
    "--count", type=int, help="How many it changes; without it, the preview is printed and no more."
)
@json_option
def change_many(
    *,
    changes: Sequence[str],
    chosen: Sequence[str],
    reason: str | None,
    count: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Change fields of many configurations in one go: of those named, or of all that a filter finds.

    Containers without `enable_bulk_operations` are left out.
    """
    session, values = db.session(), read(changes)
    ids: Sequence[uuid.UUID] = [containers.get(session, each).id for each in chosen]
    ids = ids or container_list.ids(session, narrowed_by(options))
    if count is None:
        shown = services.preview(session, ids, values)
        told = {"count": len(shown.changing), "containers": [_shown(line) for line in shown.lines]}
        confirm = f"{len(shown.changing)} would be changed; confirm with --count {len(shown.changing)}"
        say(told, "\n".join([*map(_line, shown.lines), confirm]), as_json=as_json)
        return
    done = services.change(session, ids, values, count=count, reason=reason or "", actor=COMMAND_LINE)
    session.commit()
    number = len(done.revisions)
    say({"changed": number, "bulk_id": done.bulk_id}, f"Changed {number} configurations.", as_json=as_json)


def _line(line: Line) -> str:
    changes = " ".join(f"{name}: {old} → {new}" for name, old, new in line.changes)
    return f"{line.name:30} {line.verdict:12} {line.why or changes}".rstrip()


def _shown(line: Line) -> dict[str, Any]:
    return {
        "id": line.container_id,
        "name": line.name,
        "verdict": line.verdict,
        "why": line.why,
        "changes": {name: {"before": old, "after": new} for name, old, new in line.changes},
    }
