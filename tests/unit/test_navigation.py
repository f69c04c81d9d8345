"""The menu's table: each page once, in a group that is shown, with a key of its own."""

from __future__ import annotations

from app.web.navigation import GROUPS, KEYS, PLACES


def test_each_place_has_a_group_that_the_menu_shows() -> None:
    assert {place.group for place in PLACES} <= set(GROUPS)


def test_each_place_has_one_key_and_no_two_have_the_same() -> None:
    assert set(KEYS) == {place.endpoint for place in PLACES}
    assert len(set(KEYS.values())) == len(PLACES)
    assert all(len(key) == 1 and key in place.label.lower() for place in PLACES for key in place.key)
