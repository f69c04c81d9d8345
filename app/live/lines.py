"""Lines of lists, kept as they were rendered: one whose row says the same as before is not rendered again.

A line depends on its row and nothing else. What depends on who looks at it, is hidden by the page around it,
or stands in the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from flask import current_app
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

Key = TypeVar("Key")
Kept = TypeVar("Kept")

MOST: Final = 5000
"""Lines that are kept of each list, of about a kilobyte each."""
LONGEST: Final = 10_000
"""Characters of a line that is kept: what strangers sent may make one of any length."""


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
    said = tuple(shared.values())

    def make(missing: Sequence[tuple[Any, Any]]) -> Mapping[tuple[Any, Any], str]:
        render = current_app.jinja_env.get_template(template).render
        contexts = load([key for key, _ in missing])
        return {(key, said): render(context, **shared).strip() for key, context in contexts.items()}

    found = keep(template, [(key, said) for key in keys], make, size=len)
    return Markup("".join(found))  # noqa: S704 - a template's output


def keep(
    of: str,
    keys: Sequence[Key],
    make: Callable[[Sequence[Key]], Mapping[Key, Kept]],
    size: Callable[[Kept], int],
) -> Sequence[Kept]:
    """Return what there is of each key, in their order; `make` makes what is not kept, as far as it can.

    `of` names what is kept, `size` measures one in characters.
    """
    kept: dict[Key, Kept] = current_app.extensions.setdefault("lines", {}).setdefault(of, {})
    found = [kept.get(key) for key in keys]  # each key once: it takes longer to hash a row than to find it
    if None in found:
        made = make([key for key, value in zip(keys, found, strict=True) if value is None])
        if len(kept) + len(made) > MOST:
            kept.clear()
        kept.update({key: value for key, value in made.items() if size(value) <= LONGEST})
        found = [made.get(key) if value is None else value for key, value in zip(keys, found, strict=True)]
    return [value for value in found if value is not None]
