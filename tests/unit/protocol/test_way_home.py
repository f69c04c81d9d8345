"""When a container returns to ACP after a fallback, and when it no longer tries."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid
from app.protocol.states import Cause
from app.protocol.way_home import DAY_SECONDS, MOST_PAST, Act, Past, WayHome, decide

NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
WISH = WayHome(wanted=True)


def at(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def fell(seconds: float) -> Past:
    return Past(Cause.FALLBACK, success=True, ended=at(seconds))


def returned(seconds: float, *, success: bool) -> Past:
    return Past(Cause.WAY_HOME, success, at(seconds))


def asked(seconds: float, cause: Cause = Cause.OPERATOR, *, success: bool = True) -> Past:
    return Past(cause, success, at(seconds))


ONCE = [asked(-10), fell(0)]
THRICE = [fell(0), *(returned(each, success=False) for each in (10, 20, 30))]


@pytest.mark.parametrize(
    ("wish", "history", "now", "http_since", "told"),
    [
        (WayHome(), ONCE, 9999, 0, "stays on HTTP after a fallback: a return is not wanted"),
        (WISH, [], 9999, 0, "stays on HTTP: it is not there because of a fallback"),
        (WISH, [fell(0), asked(1)], 9999, 0, "stays on HTTP: it is not there because of a fallback"),
        (WISH, [fell(0), returned(5, success=True)], 9999, 0, "stays on HTTP: it is not there because of"),
        (WISH, ONCE, 9999, None, "returns to ACP once it has been connected over HTTP for a while"),
        (WISH, ONCE, 1, 1, "returns to ACP at 2026-06-01 12:15:00 UTC"),  # the cool-down
        (WISH, ONCE, 700, 700, "returns to ACP at 2026-06-01 12:16:40 UTC"),  # HTTP was lost meanwhile
        (WISH, ONCE, 900, 0, "returns to ACP now"),
        (WISH, [fell(0), returned(900, success=False)], 901, 0, "returns to ACP at 2026-06-01 12:45:00"),
        (WISH, [fell(0), returned(1, success=True), fell(900)], 901, 0, "returns to ACP at 2026-06-01 12:45"),
        (WISH, THRICE, 999_999, 0, "stays on HTTP after 3 returns; migrate it by hand"),
        (WayHome(wanted=True, max_attempts=1), THRICE[:2], 1, 0, "stays on HTTP after 1 return; migrate"),
        (WISH, [*THRICE, asked(40, success=False)], 940, 0, "returns to ACP now"),
        (WISH, [*THRICE, asked(40, success=False)], 939, 0, "returns to ACP at 2026-06-01 12:15:40 UTC"),
        (WISH, [*THRICE, asked(4, Cause.ROLLOUT), fell(50)], 60, 50, "returns to ACP at 2026-06-01 12:15:50"),
        (WISH, [*THRICE, asked(40, Cause.ROLLBACK)], 9999, 50, "stays on HTTP: it is not there because of"),
    ],
)  # fmt: skip
def test_what_is_decided(
    wish: WayHome, history: list[Past], now: float, http_since: float | None, told: str
) -> None:
    since = at(http_since) if http_since is not None else None
    decision = decide(wish, history, at(now), since)
    assert decision.told.startswith(told)
    seconds = decision.seconds(at(now))
    assert (seconds == 0) == (decision.act is Act.GO)
    assert (seconds is None) == (decision.act is not Act.GO and decision.at is None)


wishes = st.builds(
    WayHome,
    wanted=st.just(value=True),
    stable_seconds=st.integers(1, DAY_SECONDS),
    cool_down_seconds=st.integers(1, DAY_SECONDS),
    max_attempts=st.integers(1, 20),
)


@given(wishes, st.data())
def test_it_never_flaps(wish: WayHome, data: st.DataObject) -> None:
    """Whether each return fails at once or after a time, there are `max_attempts`, ever farther apart."""
    history, waits, now = [fell(0)], list[float](), NOON
    while (decision := decide(wish, history[-MOST_PAST:], now, history[-1].ended)).act is not Act.STAY:
        assert decision.at is not None
        due = decision.at
        waits.append((due - now).total_seconds())
        assert decide(wish, history, due - dt.timedelta(seconds=0.5), history[-1].ended).act is Act.WAIT
        assert decide(wish, history, due, history[-1].ended).act is Act.GO
        now, success = due + dt.timedelta(seconds=data.draw(st.integers(0, 99_999))), data.draw(st.booleans())
        history.append(Past(Cause.WAY_HOME, success, now))
        if success:
            now += dt.timedelta(seconds=data.draw(st.integers(0, 99_999)))
            history.append(Past(Cause.FALLBACK, success=True, ended=now))
    assert len(waits) == wish.max_attempts
    assert all(before <= after for before, after in pairwise(waits))
    assert max(waits) <= DAY_SECONDS
    assert waits[0] >= max(wish.stable_seconds, wish.cool_down_seconds)


@pytest.mark.parametrize("field", ["stable_seconds", "cool_down_seconds", "max_attempts"])
def test_what_a_wish_must_not_say(field: str) -> None:
    for value in (0, -1, DAY_SECONDS + 1):
        broken = WayHome(**{field: value})  # type: ignore[arg-type]  # one of the numbers
        with pytest.raises(Invalid, match="a number from 1 to") as refused:
            broken.check()
        assert refused.value.field == field
        assert WayHome.stored({"way_home": {"wanted": True} | {field: value}}) == WayHome()


@given(wishes)
def test_a_wish_is_read_as_it_was_written(wish: WayHome) -> None:
    wish.check()
    assert WayHome.stored({"way_home": wish.as_dict(), "else": 1}) == wish


@pytest.mark.parametrize("metadata", [None, {}, {"way_home": 7}, {"way_home": {"wanted": "yes"}}])
def test_what_is_no_wish_is_none(metadata: dict[str, object] | None) -> None:
    assert WayHome.stored(metadata) == WayHome()
