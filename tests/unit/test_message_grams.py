"""Which trigrams a text that is looked for must have left, wherever it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.queries.message_grams import spellings, trigrams


def grams(text: str, *, whole: bool = False) -> list[str]:
    return sorted(each.to_bytes(3).decode() for each in trigrams(text, whole=whole))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ab", []),
        ("abc", ["abc"]),
        ("abcd", ["abc", "bcd"]),
        ("ab cd", [" cd", "  c", "ab "]),
        ("a.b", ["  b"]),
        ("x/abc/y", ["  a", " ab", "abc", "bc ", "  y"]),
        ("---", []),
    ],
)
def test_only_what_is_there_whatever_stands_beside_it(text: str, expected: list[str]) -> None:
    assert grams(text) == sorted(expected)


def test_a_whole_word_has_its_ends() -> None:
    assert grams("ab", whole=True) == sorted(["  a", " ab", "ab "])


ascii_text = st.text(st.sampled_from('abAB1_ .\\/"-'), max_size=12).map(str.lower)


@given(ascii_text, ascii_text, ascii_text)
def test_what_stands_in_a_text_has_no_trigram_that_the_text_lacks(
    before: str, text: str, behind: str
) -> None:
    assert trigrams(text) <= trigrams(f" {before}{text}{behind} ", whole=True)


def test_a_text_is_looked_for_as_json_writes_it_too() -> None:
    assert spellings("plain") == ["plain"]
    assert spellings('a "b"\n') == ['a "b"\n', r"a \"b\"\n"]
    assert spellings("Grüße") == ["Grüße"]
