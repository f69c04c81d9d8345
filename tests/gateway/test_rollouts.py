"""Rollouts through real gateways: waves over the demo fleet, a canary that fails, a webhook that is told."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from app.gateway import acp_transport, link
from app.protocol import webhook
from app.protocol.strategies import PINGS_ONLY, Plan
from app.queries import rollouts as stored
from app.services import rollouts
from tests.support.gateways import running_gateway
from tests.support.rollouts import begin
from tests.support.store import TESTER
from tests.support.waiting import POLL_SECONDS, eventually

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

    from app.config import Settings
    from tests.support.demo import DemoFleet
    from tests.support.store import Row, Store

SECRET = "only-the-receiver-knows-this"


class Receiver:
    """A webhook: it refuses the first so many, and keeps what it was sent."""

    def __init__(self, refuse: int) -> None:
        self.refuse = refuse
        self.sent: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.sent.append((dict(self.headers), body))
                self.send_response(503 if len(receiver.sent) <= receiver.refuse else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hooks/rollouts"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver(refuse=1)
    serving = Thread(target=made.server.serve_forever, args=(POLL_SECONDS,))
    serving.start()
    yield made
    made.server.shutdown()
    serving.join()
    made.server.server_close()


@pytest.fixture
def told(settings: Settings, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HOOK_KEY", SECRET)
    monkeypatch.setattr(webhook, "FIRST_SECONDS", 0.1)
    return replace(
        settings,
        webhook_url=receiver.url,
        webhook_secret="env:HOOK_KEY",
        credential_names=frozenset({"HOOK_KEY"}),
    )


@contextmanager
def rollout(store: Store, rollout_id: uuid.UUID) -> Iterator[tuple]:  # type: ignore[type-arg]
    with store.session() as session:
        yield session, stored.get(session, rollout_id)


def row(store: Store, rollout_id: uuid.UUID) -> Row:
    return store.rows("SELECT * FROM rollout WHERE id = %s", rollout_id)[0]


def parts(store: Store) -> dict[str, str]:
    return {each["name"]: each["state"] for each in store.rows("SELECT name, state FROM rollout_container")}


def test_a_canary_fails_goes_back_by_itself_and_is_retried(
    fleet: DemoFleet, told: Settings, store: Store, receiver: Receiver
) -> None:
    for name in ("plain", "streamer"):
        store.register(name, fleet.endpoint(name), prefer="http")
    store.register("canary", fleet.endpoint("refuser"), prefer="http")
    with running_gateway(told), running_gateway(told):
        for name in ("plain", "streamer", "canary"):
            store.connected(name, over="http")
        with store.session() as session:
            rollout_id = begin(session, canaries=("canary",), migration=Plan(verification=PINGS_ONLY)).id
        eventually(lambda: row(store, rollout_id)["state"], lambda state: state == "paused")
        assert row(store, rollout_id)["state_reason"] == "wave 1: 1 failed (limit: 1)"
        assert parts(store) == {"canary": "failed", "plain": "waiting", "streamer": "waiting"}
        assert store.connected("canary")["metadata"]["transport"] == "http"
        store.change("canary", endpoint_url=fleet.endpoint("plain"))
        with rollout(store, rollout_id) as (session, found):
            rollouts.retry(session, found, count=1, reason="a new image", actor=TESTER)
        eventually(lambda: row(store, rollout_id)["state"], lambda state: state == "completed")
        assert set(parts(store).values()) == {"completed"}
        for name in ("plain", "streamer", "canary"):
            assert store.connected(name)["metadata"]["transport"] == "acp"
        delivered = "SELECT * FROM webhook_delivery WHERE delivered_at IS NOT NULL ORDER BY id"
        first, last = eventually(lambda: store.rows(delivered), lambda rows: len(rows) == 2)
    assert (first["event"], last["event"]) == ("rollout.paused", "rollout.completed")
    assert (first["attempts"], last["attempts"], first["last_error"]) == (2, 1, None)
    heads, bodies = zip(*receiver.sent, strict=True)
    assert [each[webhook.DELIVERY] for each in heads] == [str(first["id"])] * 2 + [str(last["id"])]
    assert bodies[0] == bodies[1]
    for head, body in receiver.sent:
        assert webhook.verify(SECRET, head[webhook.SIGNATURE], body, now=int(time.time()))
        assert not webhook.verify(SECRET, head[webhook.SIGNATURE], body + b" ", now=int(time.time()))
        assert not webhook.verify(SECRET, head[webhook.SIGNATURE], body, now=int(time.time()) + 3600)
    paused = json.loads(bodies[0])
    assert paused["rollout"]["state"] == "paused"
    assert paused["containers"] == {"failed": 1, "waiting": 2}


def test_all_goes_back_what_has_moved_and_what_hangs(
    fleet: DemoFleet, settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dial that hangs would give up by itself after an hour: the roll back does not wait for it."""
    monkeypatch.setattr(link, "HANDSHAKE_SECONDS", 3600.0)
    monkeypatch.setattr(acp_transport, "OPEN_SECONDS", 3600.0)
    for name in ("plain", "streamer"):
        store.register(name, fleet.endpoint(name), prefer="http")
    with running_gateway(settings):
        for name in ("plain", "streamer"):
            store.connected(name, over="http")
        fleet.order("streamer", freeze=True)
        with store.session() as session:
            rollout_id = begin(session, waves="100 %", migration=Plan(verification=PINGS_ONLY)).id
        eventually(lambda: parts(store), {"plain": "completed", "streamer": "running"}.__eq__)
        with rollout(store, rollout_id) as (session, found):
            rollouts.roll_back(session, found, count=2, reason="wrong image", actor=TESTER)
        eventually(lambda: row(store, rollout_id)["state"], "rolled_back".__eq__)
        fleet.order("streamer", freeze=False)
        assert parts(store) == {"plain": "rolled_back", "streamer": "rolled_back"}
        assert store.migrated("streamer")["error_message"] == "cancelled by tester: wrong image"
        for name in ("plain", "streamer"):
            assert store.connected(name)["metadata"]["transport"] == "http"


def test_a_webhook_is_under_the_endpoint_policy_and_says_why_it_was_not_told(
    told: Settings, store: Store, receiver: Receiver
) -> None:
    store.register("a", "http://127.0.0.1:9", prefer="http")
    receiver.refuse = 0
    blocked = replace(told, allowed_ports=(range(1, 2),))
    with store.session() as session:
        found = begin(session)
        rollouts.pause(session, found, reason="look", actor=TESTER)
    with running_gateway(blocked):
        said = "SELECT * FROM webhook_delivery WHERE last_error IS NOT NULL"
        (waiting,) = eventually(lambda: store.rows(said))
    assert "port" in waiting["last_error"]
    assert waiting["delivered_at"] is None
    assert receiver.sent == []


def test_where_no_webhook_is_set_nothing_waits_for_one(settings: Settings, store: Store) -> None:
    store.register("a", "http://127.0.0.1:9", prefer="http")
    with store.session() as session:
        found = begin(session)
        rollouts.pause(session, found, reason="look", actor=TESTER)
    with running_gateway(settings):
        given_up = "SELECT * FROM webhook_delivery WHERE given_up_at IS NOT NULL"
        eventually(lambda: store.rows(given_up))
