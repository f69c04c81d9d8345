"""The rule by which gateways share containers, against a model of gateways that come, go and stand still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.services.shares import shares

HELD = st.dictionaries(st.integers(0, 50), st.integers(0, 300), min_size=1, max_size=12)


@given(held=HELD, containers=st.integers(0, 5000))
def test_the_shares_are_even_and_add_up(held: dict[int, int], containers: int) -> None:
    share = shares(held, containers)
    assert share.keys() == held.keys()
    assert sum(share.values()) == containers
    assert max(share.values()) - min(share.values()) <= 1


@given(held=HELD)
def test_nobody_gives_back_while_all_is_even(held: dict[int, int]) -> None:
    even = shares(held, sum(held.values()))
    assert shares(even, sum(even.values())) == even


@given(held=HELD)
def test_no_container_moves_that_need_not(held: dict[int, int]) -> None:
    """The moves are as few as any even distribution allows."""
    share = shares(held, sum(held.values()))
    moves = sum(max(0, count - share[member]) for member, count in held.items())
    least, left_over = divmod(sum(held.values()), len(held))
    above = sorted((count - least for count in held.values() if count > least), reverse=True)
    assert moves == sum(above) - min(left_over, len(above))


def test_nobody_shares_nothing() -> None:
    assert shares({}, 7) == {}
