"""Two payloads side by side."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.payload_diff import DEEPEST, MOST, compare

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b c", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", "changed", "1", "2")]),
        ({"a": 1}, {}, [("a", "removed", "1", None)]),
        ({}, {"b c": [None]}, [('["b c"]', "added", None, "[null]")]),
        (
            {"a": [1, {"b": "x"}]},
            {"a": [1, {"b": "y"}, 3]},
            [("a[1].b", "changed", '"x"', '"y"'), ("a[2]", "added", None, "3")],
        ),
        ({"a": True}, {"a": 1}, [("a", "changed", "true", "1")]),
        ([], {}, [("(whole)", "changed", "[]", "{}")]),
        (None, None, []),
    ],
)
def test_differences_have_a_path_and_a_word(left: Any, right: Any, expected: list[tuple[Any, ...]]) -> None:
    found = compare(left, right).differences
    assert [(each.path, each.kind, each.left, each.right) for each in found] == expected


@given(values, values)
def test_nothing_differs_just_where_both_are_the_same(left: Any, right: Any) -> None:
    assert (not compare(left, right).differences) == (
        json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)
    )
    there, back = compare(left, right), compare(right, left)
    assert {(each.path, each.left, each.right) for each in there.differences} == {
        (each.path, each.right, each.left) for each in back.differences
    }


def test_a_page_shows_no_more_than_it_can() -> None:
    found = compare(list(range(MOST + 5)), [])
    assert (len(found.differences), found.omitted) == (MOST, 5)
    deep: Any = 1
    other: Any = 2
    for _ in range(DEEPEST * 5):
        deep, other = [deep], [other]
    (only,) = compare(deep, other).differences
    assert only.path == "[0]" * DEEPEST
