"""Two gateways: they share the containers, serve each other's callers, and hand over unnoticed."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from app.gateway.turns import Turns
from app.protocol.frames import METHOD_NOT_FOUND
from app.services import signed_caller
from tests.support.callers import Caller
from tests.support.gateways import GatewayProcess, running_gateway
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.demo import DemoFleet
    from tests.support.store import Store

HELD = (
    "SELECT g.address, count(l.container_id) AS held FROM gateway g"
    " LEFT JOIN container_lease l ON l.gateway_id = g.id GROUP BY g.id ORDER BY g.id"
)


@contextmanager
def calling(url: str, name: str, token: str) -> Iterator[Caller]:
    with connect(f"{url}/{name}", additional_headers={"Authorization": f"Bearer {token}"}) as socket:
        yield Caller(socket)


def held(store: Store) -> list[int]:
    return [row["held"] for row in store.rows(HELD)]


def still_there(caller: Caller) -> bool:
    """Ask the agent for what it does not know: that it says so comes from behind the gateway."""
    return bool(caller.ask("_still_there")["error"]["code"] == METHOD_NOT_FOUND)


def forwarded(store: Store) -> int:
    """How many callers are forwarded to another gateway, as gateways said with their latest heartbeats."""
    return int(store.rows("SELECT max(forwarded) AS number FROM gateway")[0]["number"])


def holder(store: Store, container_id: uuid.UUID) -> str | None:
    """The URL for callers of the gateway that holds a container."""
    rows = store.rows(
        "SELECT g.address FROM gateway g JOIN container_lease l ON l.gateway_id = g.id"
        " WHERE l.container_id = %s AND l.expires_at > now()",
        container_id,
    )
    return f"{rows[0]['address']}/acp" if rows else None


@pytest.fixture
def two(settings: Settings) -> Iterator[list[str]]:
    """Two gateways, as the URLs for callers."""
    with ExitStack() as stack:
        yield [stack.enter_context(running_gateway(settings)) for _ in range(2)]


def test_callers_of_either_reach_every_container(two: list[str], store: Store, fleet: DemoFleet) -> None:
    container_id = store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    token = store.token()
    with calling(two[0], "plain", token) as one, calling(two[1], "plain", token) as other:
        sessions = [one.new_session(), other.new_session()]
        for caller, session in zip((one, other), sessions, strict=True):
            assert caller.prompt(session, session)["result"]["stopReason"] == "end_turn"
            assert caller.text() == f"echo: {session}"
        assert holder(store, container_id) in two
        big = other.ask("_nothing", text="x" * 3_000_000)
        assert big["error"]["code"] == -32601
    asked = store.messages("plain", "method = 'session/new' AND rpc_kind = 'request'")
    assert [row["caller"] for row in asked] == ["tester", "tester"]
    assert fleet.state("plain")["dials"] == 1


def test_a_frame_that_is_too_large_ends_with_1009_through_either(
    two: list[str], store: Store, fleet: DemoFleet
) -> None:
    store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    token = store.token()
    for url in two:
        with calling(url, "plain", token) as caller, pytest.raises(ConnectionClosed) as closed:
            caller.ask("_nothing", text="x" * 17_000_000)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_refusals_are_the_same_through_either(two: list[str], store: Store) -> None:
    store.register("stopped", "http://127.0.0.1:9", status="stopped")
    eventually(lambda: store.rows("SELECT 1 FROM container_lease WHERE gateway_id IS NOT NULL"))
    said, token = set(), store.token()
    for url in two:
        with pytest.raises(InvalidStatus) as refused, calling(url, "stopped", token):
            pytest.fail("there is nobody to talk to")
        response = refused.value.response
        said.add((response.status_code, response.headers["Retry-After"], bytes(response.body)))
    assert said == {(503, "1", b"The container has not been dialled yet.\n")}


@pytest.mark.usefixtures("two")
def test_who_is_forwarded_is_not_forwarded_again(settings: Settings, store: Store, fleet: DemoFleet) -> None:
    """A word is for one gateway, one container and one hop; a caller cannot make one."""
    container_id = store.register("plain", fleet.endpoint("plain"))
    store.connected("plain")
    ids = {f"{row['address']}/acp": row["id"] for row in store.rows("SELECT * FROM gateway")}
    there = holder(store, container_id)
    assert there is not None
    (elsewhere,) = ids.keys() - {there}
    key = settings.require_secret_key()
    good = signed_caller.sign_forwarded(key, "ann", ids[there], container_id)
    with calling(there, str(container_id), good) as caller:
        assert caller.new_session()
    stale = signed_caller.sign_forwarded(key, "ann", ids[elsewhere], container_id)
    forged = signed_caller.sign_forwarded("x" * 40, "ann", ids[there], container_id)
    for url, word in [(elsewhere, stale), (elsewhere, good), (there, forged)]:
        with pytest.raises(InvalidStatus) as refused, calling(url, str(container_id), word):
            pytest.fail("it was let in")
        assert refused.value.response.status_code == 421


def test_a_gateway_that_stops_names_the_other_and_forwarded_callers_stay(
    settings: Settings, store: Store, fleet: DemoFleet
) -> None:
    stopping = GatewayProcess(settings)
    try:
        container_id = store.register("plain", fleet.endpoint("plain"))
        url, token = stopping.started(), store.token()
        store.connected("plain")
        with running_gateway(settings) as other:
            with calling(url, "plain", token) as direct, calling(other, "plain", token) as forwarded:
                session = forwarded.new_session()
                eventually(lambda: held(store), lambda now: len(now) == 2)
                direct.ask("_nothing")
                assert stopping.terminate() == 0
                with pytest.raises(ConnectionClosed) as closed:
                    direct.socket.recv(10)
                assert closed.value.rcvd is not None
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                    1001,
                    f"the gateway is stopping; connect to {other.removesuffix('/acp')}",
                )
                assert still_there(forwarded)
                assert forwarded.prompt(session, "hello")["result"]["stopReason"] == "end_turn"
            assert holder(store, container_id) == other
    finally:
        stopping.clear_away()


def test_a_death_costs_forwarded_callers_a_wait_and_nothing_else(
    settings: Settings, store: Store, fleet: DemoFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even those whose container waits for its turn to be dialled, as many do then."""
    monkeypatch.setattr(Turns.__init__, "__defaults__", (2.0,))  # a second
    dying, names = GatewayProcess(settings), ("c0", "c1", "c2")
    try:
        dying.started()
        for name in names:
            store.register(name, fleet.endpoint("plain"))
            store.connected(name)
        with running_gateway(settings) as other, ExitStack() as stack:
            callers = [stack.enter_context(calling(other, name, store.token(name))) for name in names]
            for caller in callers:
                caller.ask("_nothing")
            eventually(lambda: forwarded(store), lambda now: now == len(names))
            dying.kill()
            eventually(lambda: forwarded(store), lambda now: now == 0)  # what is asked now waits
            asked = [caller.begin("_still_there") for caller in callers]
            answers = [caller.answer(each) for caller, each in zip(callers, asked, strict=True)]
            assert [each["error"]["code"] for each in answers] == [METHOD_NOT_FOUND] * len(names)
    finally:
        dying.clear_away()


def test_a_newcomer_gets_its_share_and_idle_callers_notice_nothing(
    settings: Settings, store: Store, fleet: DemoFleet
) -> None:
    names = [f"c{number}" for number in range(4)]
    for name in names:
        store.register(name, fleet.endpoint("plain"))
    with running_gateway(settings) as first, ExitStack() as stack:
        for name in names:
            store.connected(name)
        callers = {name: stack.enter_context(calling(first, name, store.token(name))) for name in names}
        busy = callers["c0"]
        busy.permission = None
        asked = busy.begin_prompt(busy.new_session(), "hello")
        request = busy.hear_of("session/request_permission")
        with running_gateway(settings):
            eventually(lambda: held(store), lambda now: now == [2, 2])
            for name in names[1:]:
                assert still_there(callers[name])
            busy.send(id=request["id"], result={"outcome": {"outcome": "selected", "optionId": "allow"}})
            assert busy.answer(asked)["result"]["stopReason"] == "end_turn"
        assert "handed over" not in str(store.transitions("c0"))
        handed = [name for name in names if "handed over" in str(store.transitions(name))]
        assert len(handed) == 2
        for name in names:  # what is asked while a gateway stops may be refused; the connection stays
            eventually(partial(still_there, callers[name]))


def test_ways_do_not_grow_longer_when_containers_move(
    settings: Settings, store: Store, fleet: DemoFleet
) -> None:
    """A caller forwarded to a gateway that hands over is not forwarded on from there, perhaps back."""
    names, token = ("c0", "c1"), store.token()
    for name in names:
        store.register(name, fleet.endpoint("plain"))
    with running_gateway(settings), ExitStack() as stack:
        for name in names:
            store.connected(name)
        newcomer = stack.enter_context(running_gateway(settings))
        callers = [stack.enter_context(calling(newcomer, name, token)) for name in names]
        for caller in callers:
            caller.ask("_nothing")
        eventually(lambda: held(store), lambda now: now == [1, 1])
        for caller in callers:
            assert still_there(caller)
        loads = "SELECT callers, forwarded FROM gateway ORDER BY id"
        expected = [{"callers": 1, "forwarded": 0}, {"callers": 2, "forwarded": 1}]
        eventually(lambda: store.rows(loads), lambda rows: rows == expected)


def test_health_says_whether_it_is_ready(settings: Settings) -> None:
    with running_gateway(settings) as url:
        base = url.removesuffix("/acp").replace("ws://", "http://")
        ready = eventually(lambda: httpx.get(f"{base}/healthz"), lambda answer: answer.status_code == 200)
        assert ready.text == "ok\n"


def test_the_address_for_others_can_be_set(settings: Settings, store: Store) -> None:
    with running_gateway(replace(settings, gateway_advertise="wss://gateway.internal")):
        rows = eventually(lambda: store.rows("SELECT * FROM gateway"))
        assert [row["address"] for row in rows] == ["wss://gateway.internal"]
