"""Notes on plots: which texts, links and moments are taken, and what is told of the others."""

from __future__ import annotations

import datetime as dt
import unicodedata
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.protocol.plot_notes import (
    FUTURE,
    LONGEST_LINK,
    LONGEST_TEXT,
    PAST,
    NoteKind,
    kind_of,
    link_of,
    moment_of,
    text_of,
)

NOW = dt.datetime(2026, 11, 26, 10, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
TOKEN = "ghp_" + "a1B2c3D4e5F6" * 3


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" release 4.2 ", "release 4.2"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # text is text: pages escape it
        ("גרסה 4.2", "גרסה 4.2"),
        ("👩‍💻 at work", "👩‍💻 at work"),
        ("x" * LONGEST_TEXT, "x" * LONGEST_TEXT),
    ],
)
def test_texts_that_are_taken(written: str, kept: str) -> None:
    assert text_of(written) == kept


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "say what was done"),
        (" \t\n ", "say what was done"),
        ("x" * (LONGEST_TEXT + 1), "longer than 200"),
        ("two\nlines", "one line"),
        ("two\u2028lines", "one line"),
        ("a\0b", "one line"),
        ("\x1b[2Jgone", "one line"),
        ("tidy\u202egnp.exe", "one line"),
        ("\ud800", "one line"),
        (f"{'x' * 150} password={'y' * 3} password={'y' * 3}", "secrets redacted"),
    ],
)
def test_texts_that_are_refused(written: str, problem: str) -> None:
    with pytest.raises(Invalid, match=problem) as refused:
        text_of(written)
    assert refused.value.field == "text"


def test_a_secret_in_a_text_is_not_kept() -> None:
    assert TOKEN not in text_of(f"deployed with {TOKEN}")


@pytest.mark.parametrize(
    "written",
    [
        "https://tickets.example/4711",
        "HTTP://tickets.example:8080/a/b?q=1&x=[2]#part",
        "https://xn--bcher-kva.example/%C3%BC",
        "http://[::1]:8000/",
        "https://tickets.example/~ann/@4711",
        f"https://tickets.example/{'a/' * 200}",
    ],
)
def test_links_that_are_taken(written: str) -> None:
    assert link_of(f" {written} ") == written


def test_no_link_is_none() -> None:
    assert link_of("  ") is None


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("javascript:alert(1)", "must begin with http"),
        ("java\nscript:alert(1)", "must begin with http"),
        ("data:text/html,x", "must begin with http"),
        ("ftp://tickets.example/", "must begin with http"),
        ("//tickets.example/", "must begin with http"),
        ("/relative", "must begin with http"),
        ("tickets.example", "must begin with http"),
        ("https:tickets.example", "must begin with http"),
        ("https://tickets.example/a b", "must begin with http"),
        ("https://tickets.example/\0", "must begin with http"),
        ('https://tickets.example/"onmouseover="alert(1)', "must begin with http"),
        ("https://tickets.example/<b>", "must begin with http"),
        ("https://tickets.example\\@evil.example/", "must begin with http"),
        ("https://bücher.example/", "must begin with http"),
        ("https:///path", "names no host"),
        ("https://:80/", "names no host"),
        ("https://?q", "names no host"),
        ("https://tickets.example:x/", "names no host"),
        ("https://tickets.example:70000/", "names no host"),
        ("https://[::1", "names no host"),
        ("https://ann:secret@tickets.example/", "credential"),
        ("https://ann@tickets.example/", "credential"),
        ("https://@tickets.example/", "credential"),
        (f"https://tickets.example/?access_token={TOKEN}", "credential"),
        (f"https://tickets.example/{'a' * LONGEST_LINK}", "longer than 500"),
    ],
)
def test_links_that_are_refused(written: str, problem: str) -> None:
    with pytest.raises(Invalid, match=problem) as refused:
        link_of(written)
    assert refused.value.field == "link"


@pytest.mark.parametrize("at", [NOW, NOW + FUTURE, NOW - PAST])
def test_moments_that_are_taken(at: dt.datetime) -> None:
    assert moment_of(at, NOW) == at


@pytest.mark.parametrize(
    ("at", "problem"), [(NOW + FUTURE + SECOND, "in the future"), (NOW - PAST - SECOND, "two years ago")]
)
def test_moments_that_are_refused(at: dt.datetime, problem: str) -> None:
    with pytest.raises(Invalid, match=problem) as refused:
        moment_of(at, NOW)
    assert refused.value.field == "at"


def test_kinds() -> None:
    assert [kind_of(each) for each in ("deploy", "ticket", "other")] == list(NoteKind)
    with pytest.raises(Invalid, match="deploy, ticket, other"):
        kind_of("Deploy")


@given(st.text(max_size=LONGEST_TEXT + 5))
def test_what_is_kept_of_a_text_is_one_short_line(written: str) -> None:
    try:
        kept = text_of(written)
    except Invalid:
        return
    assert 0 < len(kept) <= LONGEST_TEXT
    assert kept.splitlines() == [kept]
    assert not any(unicodedata.category(each) == "Cc" for each in kept)


@given(st.text(alphabet="htps:/@.?#[]\\ab1\n\t é", max_size=30).map("http".__add__))
def test_what_is_kept_of_a_link_leads_to_a_host_and_names_nobody(written: str) -> None:
    try:
        kept = link_of(written)
    except Invalid:
        return
    assert kept is not None
    parts = urlsplit(kept)
    assert (parts.scheme, parts.username) in {("http", None), ("https", None)}
    assert parts.hostname
    assert kept.isascii()
