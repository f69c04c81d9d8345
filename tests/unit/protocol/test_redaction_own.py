"""What an operator adds to the rules by settings."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from app.protocol.frames import parse
from app.protocol.redaction import configure, redact, redact_headers, redact_text

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def own_rules() -> Iterator[None]:
    configure(["X-Badge", "staffNumber"], [("badge number", r"B-[0-9]{6}"), ("word", r"characters?")])
    yield
    configure([], [])


def test_own_names_and_forms_are_found() -> None:
    params = {"x_badge": "seven", "note": "staff-number=12ab and B-123456", "staffNumber": 77}
    frame = json.dumps({"jsonrpc": "2.0", "method": "_x", "params": params})
    stored = redact(parse(frame))
    assert json.loads(stored)["params"] == {
        "x_badge": "«secret, 5 characters»",
        "note": "staff-number=«secret, 4 characters» and «badge number, 8 characters»",
        "staffNumber": "«secret, 2 characters»",
    }
    assert redact(parse(stored.decode())) == stored
    assert redact_headers({"X-BADGE": "seven"}) == {"X-BADGE": "«secret, 5 characters»"}


def test_the_tables_rules_hold_beside_them() -> None:
    assert redact_text("ghp_" + "a1B2" * 9) == "«token, 40 characters»"


def test_a_form_that_looks_far_after_every_find_does_not_take_long() -> None:
    configure([], [("letter", "a.*b|a")])
    text = "a" * 4_000_000
    began = time.process_time()
    assert redact_text(text) == "«text full of secrets, 4,000,000 characters»"
    assert time.process_time() - began < 60  # takes some seconds; without the bound, hours


def test_rules_go_when_they_are_configured_anew() -> None:
    configure([], [])
    assert redact_text("B-123456 x_badge=seven") == "B-123456 x_badge=seven"
