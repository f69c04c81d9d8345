"""The filter language: what is read, what it means, what is refused with which words."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.queries.message_filter import FIELDS, SINCE, TEXT, UNTIL, Term, parse, write
from app.queries.moments import moment

READ = [
    ("", ()),
    ("  ", ()),
    ("hello", (Term(TEXT, "hello"),)),
    ('"some text"', (Term(TEXT, "some text"),)),
    (r'"a \"quoted\" word"', (Term(TEXT, 'a "quoted" word'),)),
    ("dir:in type:event", (Term("dir", "in"), Term("type", "event"))),
    ("-type:status", (Term("type", "status", negated=True),)),
    ('-"not this"', (Term(TEXT, "not this", negated=True),)),
    ("method:session/update", (Term("method", "session/update"),)),
    ("METHOD:_x:y", (Term("method", "_x:y"),)),
    ('id:"a b"', (Term("id", "a b"),)),
    ("took:>500 size:<=10", (Term("took", ">500"), Term("size", "<=10"))),
    ("since:15m until:2026-11-24T10:00", (Term("since", "15m"), Term("until", "2026-11-24T10:00"))),
    (
        "after:-15m before:2026-11-24T10:00:00.5+02:00",
        (Term("after", "-15m"), Term("before", "2026-11-24T10:00:00.5+02:00")),
    ),
    ("same same", (Term(TEXT, "same"),)),
    ("semi-colon", (Term(TEXT, "semi-colon"),)),
]
REFUSED = [
    ('"open', "is a quote not closed?"),
    ("typ:event", "did you mean type:?"),
    ("http://host", 'write "http:…" in quotes'),
    ("type:evnt", "it may be connect, message, event"),
    ("dir:up", "it may be in, out"),
    ("took:long", "it takes milliseconds"),
    ("since:yesterday", "it takes a time, such as 2026"),
    ("before:2026-13-01", "it takes a time, such as 2026"),
    ("after:0001-01-01T00:00+02:00", "it takes a time, such as 2026"),
    ("connection:web-1", "it takes a connection's id"),
    ('method:""', "nothing after method:"),
    ('""', "an empty text"),
    ("a\0b", "control characters"),
    ("x" * 1001, "longer than 1000"),
    (" ".join(f"t{n}" for n in range(21)), "more than 20 terms"),
]


@pytest.mark.parametrize(("written", "terms"), READ, ids=[written or "empty" for written, _ in READ])
def test_it_is_read(written: str, terms: tuple[Term, ...]) -> None:
    assert parse(written) == terms


@pytest.mark.parametrize(("written", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_it_is_refused_with_what_is_allowed(written: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(written)
    assert why in str(refused.value)


def test_a_word_stands_for_what_is_stored() -> None:
    assert [term.meaning for term in parse("dir:in dir:outbound type:event x")] == [
        "inbound",
        "outbound",
        "event",
        "x",
    ]


def test_times_are_in_utc_unless_they_say_otherwise() -> None:
    written = ["2026-11-24", "2026-11-24T10:00", "2026-11-24T12:00+02:00", "2026-11-24T10:00:00.250Z"]
    assert [f"{moment(each):%d %H:%M:%S.%f}" for each in written] == [
        "24 00:00:00.000000",
        "24 10:00:00.000000",
        "24 10:00:00.000000",
        "24 10:00:00.250000",
    ]
    ago = dt.datetime.now(dt.UTC) - moment("-15m")
    assert dt.timedelta(minutes=14, seconds=59) < ago < dt.timedelta(minutes=15, seconds=1)
    assert moment("2h") < moment("-1h")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(written: str) -> None:
    try:
        terms = parse(written)
    except Invalid:
        return
    assert parse(write(terms)) == terms


FREE = sorted(set(FIELDS) - {"dir", "type", "kind", "status", "took", "size", "connection", *SINCE, *UNTIL})


@given(
    st.lists(
        st.builds(
            Term,
            st.sampled_from([TEXT, *FREE]),
            st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_what_is_written_is_read_back(terms: list[Term]) -> None:
    distinct = tuple(dict.fromkeys(terms))
    assert parse(write(distinct)) == distinct
