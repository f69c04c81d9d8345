"""Two gateways race for containers while one or the other stands still beyond its leases (SIGSTOP).

Two judges who know nothing of the gateways' own checks: a trigger in the database, which notes who wrote a
row and who held the container then; and the agent, which notes over which socket each frame came. One frame
may come late of each stop: what the gateway was handing to its socket just then (docs/adr/0024).
"""

from __future__ import annotations

import itertools
import json
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, cast

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.support.agents import INITIALIZED, agent, reply, result
from tests.support.gateways import GatewayProcess
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.server import ServerConnection

    from app.config import Settings
    from tests.support.agents import Answer
    from tests.support.store import Store

CONTAINERS = 4
ROUNDS = 4
WROTE = """
CREATE TABLE wrote (who text, holder text, what text);
CREATE FUNCTION note_writer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wrote
    SELECT current_setting('application_name'), 'console gateway ' || l.gateway_id, TG_TABLE_NAME
    FROM acp_connection k JOIN container_lease l ON l.container_id = k.container_id
    WHERE k.id = NEW.connection_id;
    RETURN NULL;
END $$;
CREATE TRIGGER note_writer AFTER INSERT ON acp_message FOR EACH ROW EXECUTE FUNCTION note_writer();
CREATE TRIGGER note_writer AFTER INSERT ON acp_connection_transition
    FOR EACH ROW EXECUTE FUNCTION note_writer();
"""


class Witness:
    """An agent's answers; `heard` has the socket of every request, in their order."""

    def __init__(self) -> None:
        self.heard: list[ServerConnection] = []
        self._known = {"initialize": result(INITIALIZED), "_console/ping": result({}), "_echo": _echo}

    def get(self, method: str, unknown: Answer) -> Answer:
        def answer(socket: ServerConnection, frame: dict[str, Any]) -> None:
            self.heard.append(socket)
            self._known.get(method, unknown)(socket, frame)

        return answer

    def ages(self) -> list[int]:
        """The age of each socket over which a frame came: 0 for the first that was heard, 1 for the next."""
        first_heard = {socket: age for age, socket in enumerate(dict.fromkeys(self.heard))}
        return [first_heard[socket] for socket in self.heard]

    def late(self) -> int:
        """How many frames came over a socket after a newer one had been heard."""
        ages = self.ages()
        return sum(age < newest for age, newest in zip(ages, itertools.accumulate(ages, max), strict=True))


def _echo(socket: ServerConnection, frame: dict[str, Any]) -> None:
    reply(socket, frame, result={})


class Chatter(threading.Thread):
    """A caller that asks as fast as it is answered, and connects again, anywhere, when it is sent away."""

    def __init__(self, urls: list[str], name: str, token: str) -> None:
        super().__init__()
        self.answered = 0
        self._urls = itertools.cycle(f"{url}/{name}" for url in urls)
        self._authorization = {"Authorization": f"Bearer {token}"}
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            with suppress(OSError, WebSocketException):  # of which a TimeoutError is one
                self._chat(next(self._urls))

    def _chat(self, url: str) -> None:
        with connect(url, additional_headers=self._authorization, open_timeout=2, close_timeout=1) as socket:
            while not self._ended.is_set():
                socket.send('{"jsonrpc":"2.0","id":1,"method":"_echo"}')
                self.answered += "result" in json.loads(socket.recv(3))

    def end(self) -> None:
        self._ended.set()
        self.join(PATIENCE)


@pytest.fixture
def racers(settings: Settings) -> Iterator[list[GatewayProcess]]:
    made = [GatewayProcess(settings), GatewayProcess(settings)]
    yield made
    for each in made:
        each.resume()
        each.clear_away()


def test_a_gateway_that_stood_still_writes_and_sends_nothing_for_what_it_lost(
    racers: list[GatewayProcess], store: Store
) -> None:
    store.rows(WROTE)
    witnesses = [Witness() for _ in range(CONTAINERS)]
    with ExitStack() as stack:
        for number, witness in enumerate(witnesses):
            url = stack.enter_context(agent(cast("Any", witness)))
            store.register(f"c{number}", url, settings={"keep_alive_interval": 200})
        urls = [each.started() for each in racers]
        for number in range(CONTAINERS):
            store.connected(f"c{number}")
        token = store.token()
        chatters = [Chatter(urls, f"c{number}", token) for number in range(CONTAINERS)]
        for chatter in chatters:
            chatter.start()
            stack.callback(chatter.end)
        for number in range(ROUNDS):
            _answered(chatters)
            _stand_still(racers[number % 2], racers[1 - number % 2], store)
        _answered(chatters)

    wrote = store.rows("SELECT who, holder, what, count(*) FROM wrote GROUP BY who, holder, what")
    assert len({row["who"] for row in wrote}) == len(racers)
    assert [row for row in wrote if row["holder"] != row["who"]] == []
    assert all(max(witness.ages()) >= ROUNDS / 2 for witness in witnesses)
    assert sum(witness.late() for witness in witnesses) <= ROUNDS, "more than one frame a stop came late"
    gaps = "SELECT 1 FROM acp_message GROUP BY connection_id HAVING max(seq) <> count(*)"
    assert store.rows(gaps) == []
    assert "Traceback" not in racers[0].log() + racers[1].log()


def _stand_still(stopped: GatewayProcess, other: GatewayProcess, store: Store) -> None:
    """Stop a gateway until the other has all containers and their connections, and let it go on."""
    stopped.pause()
    holders = "SELECT DISTINCT g.address FROM container_lease l JOIN gateway g ON g.id = l.gateway_id"
    eventually(lambda: store.rows(holders), lambda rows: rows == [{"address": other.address}])
    connected = "SELECT count(*) AS count FROM acp_connection WHERE status = 'connected'"
    eventually(lambda: store.rows(connected), lambda rows: rows == [{"count": CONTAINERS}])
    stopped.resume()
    beat = "SELECT 1 FROM gateway WHERE address = %s AND heartbeat_at > now() - interval '1 second'"
    eventually(lambda: store.rows(beat, stopped.address))


def _answered(chatters: list[Chatter]) -> None:
    """Wait until every caller has been answered some more."""
    before = [chatter.answered for chatter in chatters]
    eventually(
        lambda: [chatter.answered for chatter in chatters],
        lambda now: all(each > then for each, then in zip(now, before, strict=True)),
    )
