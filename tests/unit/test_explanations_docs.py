"""docs/explanations.md is drawn from the table of explanations: nothing in it is written by hand."""

from __future__ import annotations

import re
from pathlib import Path

from app.protocol.explanations import TABLE, Family

PAGE = (Path(__file__).parents[2] / "docs" / "explanations.md").read_text()


def drawn() -> str:
    """Draw the part of the page between its two marks."""
    parts = []
    for family in Family:
        rows = [
            f"| {f'`{each.text}` ' if each.says else ''}{_plain(each.sentence)} | {_plain(each.cause)} |"
            f" {_plain(each.advice)} | `{each.code}` |"
            for each in TABLE.values()
            if each.family is family
        ]
        head = ["| what is said | likely cause | next step | code |", "|---|---|---|---|"]
        parts.append("\n".join([f"## {family.value}", "", *head, *rows]))
    return "\n\n".join(parts)


def _plain(words: str) -> str:
    return words.replace("|", "\\|").replace("<", "&lt;")


def test_the_page_is_drawn_from_the_table() -> None:
    between = re.search(r"<!-- explanations:[^>]*-->\n(.*?)<!-- /explanations -->", PAGE, re.DOTALL)
    assert between is not None
    assert between[1].strip() == drawn()  # where it is not, put there what this message shows
