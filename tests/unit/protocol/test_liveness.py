"""The watch over a peer, played through: what lives is kept, what is dead is found in time."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol.liveness import DOUBT_SECONDS, Liveness, Loss, Pace

DEFAULT = Pace(beat=30, idle=60, half_open=14)
NEVER = float("inf")
paces = st.builds(Pace, st.floats(0.05, 600), st.floats(1, 600), st.floats(2, 60))


class Peer(NamedTuple):
    """How a peer behaves: its round trip in seconds, and when what of it falls silent."""

    round_trip: float = 0.05
    pongs_until: float = NEVER
    answers_until: float = NEVER
    bytes_every: float | None = None
    """How often it sends bytes of its own that are no frame."""


class Story(NamedTuple):
    at: float
    loss: Loss | None
    pings: list[float]
    asks: list[float]
    doubts: list[float]
    looks: int


def play(pace: Pace, peer: Peer, seconds: float) -> Story:
    """Let a driver do as `KeepAlive` does, in a time that passes as fast as it is computed."""
    live, now, heard, spoke = Liveness(0.0), 0.0, 0.0, 0.0
    pong_at = answer_at = None
    pings: list[float] = []
    asks: list[float] = []
    doubts: list[float] = []
    looks, again = 0, 0.0
    while now < seconds:
        now = min(each for each in (again, pong_at, answer_at, seconds) if each is not None)
        if peer.bytes_every:
            heard = max(heard, now // peer.bytes_every * peer.bytes_every)
        if now == pong_at:
            live.pong()
            heard, pong_at = now, None
        if now == answer_at:
            live.answered()
            heard = spoke = now
            answer_at = None
        look = live.look(now, pace, heard, spoke)
        looks += 1
        if look.loss is not None:
            return Story(now, look.loss, pings, asks, doubts, looks)
        assert look.again > now, "a look that is due at once would never let go of the processor"
        again = look.again
        if look.ping:
            pings.append(now)
            pong_at = now + peer.round_trip if now < peer.pongs_until else None
        if look.ask:
            asks.append(now)
            answer_at = now + peer.round_trip if now < peer.answers_until else None
        if look.doubt:
            doubts.append(now)
    return Story(now, None, pings, asks, doubts, looks)


def test_a_dead_peer_is_found_within_the_detectors_time() -> None:
    dead = play(DEFAULT, Peer(pongs_until=100, answers_until=100), 300)
    assert (dead.loss, dead.at < 100 + 14 + 0.1) == (Loss.HALF_OPEN, True)


def test_a_quiet_peer_is_kept_at_the_cost_of_one_ping_in_seven_seconds() -> None:
    quiet = play(DEFAULT, Peer(), 3600)
    assert (quiet.loss, quiet.doubts) == (None, [])
    assert 3600 / 8 <= len(quiet.pings) < 3600 / 7
    assert len(quiet.asks) in (60, 61)
    assert quiet.looks < 2.5 * len(quiet.pings)


def test_a_peer_with_much_to_say_is_pinged_at_the_configured_beat() -> None:
    assert play(DEFAULT, Peer(bytes_every=0.1), 301).pings == pytest.approx(
        [30 * n for n in range(1, 11)], abs=1
    )


def test_a_frozen_agent_is_told_from_a_lost_one_and_doubted_before() -> None:
    frozen = play(DEFAULT, Peer(answers_until=60), 600)
    assert frozen.loss is Loss.FROZEN
    assert frozen.doubts == [pytest.approx(frozen.asks[-1] + DOUBT_SECONDS)]
    assert frozen.at == pytest.approx(frozen.asks[-1] + DEFAULT.idle)


def test_a_large_frame_on_its_slow_way_is_a_sign_of_life() -> None:
    """The pong waits behind the frame: 25 s here, without one that is whole."""
    dribbling = Peer(round_trip=25, bytes_every=1)
    assert play(DEFAULT, dribbling, 600).loss is None


def test_what_is_sent_and_does_not_arrive_is_noticed_although_bytes_come() -> None:
    one_way = play(DEFAULT, Peer(pongs_until=60, answers_until=60, bytes_every=1), 600)
    assert one_way.loss in (Loss.ONE_WAY, Loss.FROZEN)
    assert one_way.at < 60 + 30 + 60 + 1


def test_silence_is_forgiven_when_it_was_us_who_did_not_listen() -> None:
    """A gateway that stood still for an hour pings before it judges."""
    live = Liveness(0.0)
    live.look(0.0, DEFAULT, 0.0, 0.0)
    live.forgive(3600.0)
    assert live.look(3600.0, DEFAULT, 0.0, 0.0).loss is None
    assert live.look(3607.1, DEFAULT, 0.0, 0.0).loss is not None


@given(paces, st.floats(0.001, 0.9), st.floats(0, 200))
def test_who_lives_is_kept_at_every_pace(pace: Pace, part: float, seconds: float) -> None:
    round_trip = part * min(pace.idle, pace.half_open) / 2
    assert play(pace, Peer(round_trip), min(seconds, 300 * pace.ping_every)).loss is None


@given(paces, st.floats(0, 100))
def test_who_is_dead_is_found_at_every_pace(pace: Pace, death: float) -> None:
    death = min(death, 100 * pace.ping_every)
    dead = play(pace, Peer(0.001, death, death), death + pace.half_open + 1)
    assert dead.loss is not None
    assert dead.at <= death + pace.half_open + 0.01
