"""docs/redaction.md lists the rules that are in use."""

from __future__ import annotations

from tests.support.redaction_page import PAGE, drawn, tables


def test_the_page_shows_every_rule() -> None:
    page = PAGE.read_text("utf-8")
    assert drawn(page) == page, "draw it anew: python -m tests.support.redaction_page"
    assert all(table in page for table in tables().values())
