"""Lines of lists, kept as they were rendered: one whose row says the same as before is not rendered again.

A line depends on its row and nothing else. What depends on who looks at it, is hidden by the page around it,
or stands in the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import current_app
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

MOST: Final = 5000
"""Lines that are kept of each list, of about a kilobyte each."""


def lines(template: str, rows: Sequence[Hashable], **shared: Hashable) -> Markup:
    """Render a template for each row, as `row`, and for what they share."""
    return looked_up(template, rows, lambda missing: {row: {"row": row} for row in missing}, **shared)


def looked_up(
    template: str,
    keys: Sequence[Hashable],
    load: Callable[[Sequence[Any]], Mapping[Any, Mapping[str, Any]]],
    **shared: Hashable,
) -> Markup:
    """Render a template for each key; `load` gives the contexts of those that are not kept.

    A key is all that a line depends on, or stands for it: the id of what never changes.
    """
    kept: dict[Any, str] = current_app.extensions.setdefault("lines", {}).setdefault(template, {})
    said = tuple(shared.values())
    found = {key: kept.get((key, said)) for key in keys}
    missing = [key for key, line in found.items() if line is None]
    if missing:
        if len(kept) + len(missing) > MOST:
            kept.clear()
        render = current_app.jinja_env.get_template(template).render
        for key, context in load(missing).items():
            found[key] = kept[key, said] = render(context, **shared).strip()
    return Markup("".join(line for key in keys if (line := found[key])))  # noqa: S704 - a template's output
