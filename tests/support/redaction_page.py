"""Draws the tables of docs/redaction.md; `python -m tests.support.redaction_page` puts them into the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.protocol import redaction_rules as rules
from app.protocol.contexts import CONTEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE: Final = Path(__file__).parents[2] / "docs" / "redaction.md"


def tables() -> dict[str, str]:
    """Return the tables by the name of the comment that stands before and behind each on the page."""
    return {
        "names": _table(
            ("name such as", "marked as", "words"), ((n.example, n.kind, _code(n.words)) for n in rules.NAMES)
        ),
        "contexts": _table(("where", "marked as"), ((_code(c.example), c.kind) for c in CONTEXTS)),
        "forms": _table(("whose", "looks like"), ((form.what, _code(form.pattern)) for form in rules.FORMS)),
        "places": _table(("place", "marked as"), _places()),
    }


def drawn(page: str) -> str:
    """Return the page with its tables drawn anew."""
    for name, table in tables().items():
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda at, t=table: at[1] + t + "\n" + at[2],
            page,
            flags=re.DOTALL,
        )  # type: ignore[misc]
    return page


def _places() -> Iterator[tuple[str, str]]:
    yield from _leaves("any frame", rules.EVERYWHERE)
    yield from _leaves("beside a toolCallId", rules.OF_TOOL_CALL)
    for method, below in rules.OF_METHOD.items():
        yield from _leaves(_code(method), below)
    for method, below in rules.OF_ANSWER_TO.items():
        yield from _leaves(f"answer to {_code(method)}", below)
    yield from _leaves("answer to nobody knows what", rules.OF_ANSWER_TO_UNKNOWN)


def _leaves(where: str, below: rules.Rules, path: str = "") -> Iterator[tuple[str, str]]:
    for key, rule in below.items():
        inner = f"{path}.{key}" if path else key
        if isinstance(rule, str):
            yield f"{where}: {_code(inner)}", rule
        else:
            yield from _leaves(where, rule, inner)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text("utf-8")), "utf-8")
