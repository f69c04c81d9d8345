"""The layout's parts, kept: menu, files and keys are the same for whoever may do the same.

A part knows only what decides what it looks like (`Seen`), so that nobody gets another's. What belongs to a
person or a session, a form's token above all, stands in no part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from flask import current_app, g, request
from markupsafe import Markup

from app.access import Permission
from app.web.filters import granted

if TYPE_CHECKING:
    from flask import Flask

PERMISSIONS: Final = get_args(Permission)
MOST: Final = 1000
"""Parts that are kept: some twenty blueprints for a handful of roles, at five parts each."""


class Seen(NamedTuple):
    """All that a part may depend on: where the console stands, whose menu it is, which entry is current."""

    root: str
    may: frozenset[str]
    blueprint: str | None


def register(app: Flask) -> None:
    app.add_template_global(part)
    app.add_template_global(rights)


def part(name: str, *, viewer: bool = True) -> Markup:
    """Give a part of the layout; without `viewer` it is the same for everybody."""
    seen = seen_by_viewer() if viewer else Seen(request.script_root, frozenset(), None)
    parts: dict[tuple[str, Seen], Markup] = current_app.extensions.setdefault("layout_parts", {})
    html = parts.get((name, seen))
    if html is None or current_app.jinja_env.auto_reload:
        if len(parts) >= MOST:
            parts.clear()
        template = current_app.jinja_env.get_template(f"layouts/_{name}.html")
        html = parts[name, seen] = Markup(template.render())  # noqa: S704 - a template's output
    return html


def rights() -> str:
    """Name what the signed-in person may do beside reading, for the style sheet to hide the rest."""
    allowed = seen_by_viewer().may
    return " ".join(each for each in PERMISSIONS if each != "read" and each in allowed)


def seen_by_viewer() -> Seen:
    """Tell what decides the parts of this request's page; worked out once."""
    seen: Seen | None = g.get("seen")
    if seen is None:
        seen = g.seen = Seen(request.script_root, granted(), request.blueprint)
    return seen
