"""Every word of the data model that a page shows has its partial, in a glyph and a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.protocol.states import ConnectionStatus
from app.queries.container_filter import NEVER

if TYPE_CHECKING:
    from flask import Flask


@pytest.mark.parametrize("state", [*ConnectionStatus, NEVER])
def test_every_state_has_its_partial(app: Flask, state: str) -> None:
    html = app.jinja_env.get_template(f"states/_{state}.html").render()
    assert f"state-{state}" in html
    assert f"</span> {state}" in html
