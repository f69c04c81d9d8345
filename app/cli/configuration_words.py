"""What the command line reads and says of configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.services import configurations as services

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.models import ConfigurationRevision


def read(changes: Sequence[str]) -> dict[str, Any]:
    """Read FIELD=VALUE, several of them. Raises Invalid with what is allowed."""
    parts = [each.partition("=") for each in changes]
    return {
        name: services.read(name if equals else each, value)
        for each, (name, equals, value) in zip(changes, parts, strict=True)
    }


def pairs(values: Mapping[str, Any]) -> str:
    """Return values as people write them, a line each."""
    return "\n".join(f"{name}={value}" for name, value in values.items())


def revision_line(revision: ConfigurationRevision, container: str) -> str:
    """Return a revision's line of the list."""
    changed = " ".join(f"{name}={revision.settings.get(name)}" for name in revision.changed)
    back = f"  reverts to {revision.reverted_from}" if revision.reverted_from else ""
    return (
        f"{revision.at:%Y-%m-%d %H:%M:%S}  {container} {revision.number}{back}  {revision.actor}"
        f"  {changed or '-'}  “{revision.reason}”"
    )


def shown_revision(revision: ConfigurationRevision, container: str) -> dict[str, Any]:
    """Return a revision as `--json` prints it."""
    columns = revision.__table__.columns
    return {"container": container, **{column.key: getattr(revision, column.key) for column in columns}}
