"""Two people change one configuration: what is joined, and what both changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.errors import Invalid
from app.services.configurations import ConfigurationValues, merge, read, reconnects

BASE = ConfigurationValues()


def test_each_keeps_what_only_they_changed() -> None:
    theirs, mine = replace(BASE, idle_timeout=1), replace(BASE, compression_enabled=False)
    merged = merge(BASE, theirs, mine)
    assert merged == (replace(BASE, idle_timeout=1, compression_enabled=False), ["idle_timeout"], [])


def test_of_what_both_changed_mine_is_kept_and_named() -> None:
    theirs = replace(BASE, idle_timeout=1, encryption_level="high")
    merged = merge(BASE, theirs, replace(BASE, idle_timeout=2, encryption_level="none"))
    assert merged == (
        replace(BASE, idle_timeout=2, encryption_level="none"),
        [],
        ["idle_timeout", "encryption_level"],
    )


def test_the_same_change_is_no_conflict() -> None:
    both = replace(BASE, idle_timeout=1, enable_metrics=False)
    assert merge(BASE, both, both) == (both, [], [])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("idle_timeout", "90000", 90_000),
        ("compression_enabled", "OFF", False),
        ("compression_enabled", "1", True),
        ("encryption_level", "high", "high"),
    ],
)
def test_values_are_read_as_people_write_them(name: str, text: str, value: object) -> None:
    assert read(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("idle_timeout", "1.5"),
        ("idle_timeout", "-1"),
        ("idle_timeout", "٣"),
        ("idle_timeout", "9" * 5000),
        ("idle_timeout", ""),
        ("enable_metrics", "maybe"),
        ("id", "1"),
    ],
)
def test_what_is_no_value_names_its_field(name: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(name, text)
    assert refused.value.field == name


def test_only_what_is_settled_at_the_handshake_reconnects() -> None:
    reconnecting = [name for name in BASE.as_dict() if reconnects([name])]
    assert reconnecting == ["compression_enabled", "encryption_level"]
