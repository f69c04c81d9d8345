"""Damaged frames over a real socket into a gateway process: every one recorded, and no memory kept."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

import psutil
from websockets.exceptions import ConnectionClosed

from tests.soak.breaches import MIB
from tests.soak.mutants import mutants
from tests.support.agents import INITIALIZED, agent, reply
from tests.support.store import Store
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

    from app.config import Settings
    from tests.support.gateways import GatewayProcess

GROWTH = 8 * MIB
"""What a gateway may grow by (reliability.md, bad frames)."""
_STORED = """
    SELECT count(*) AS number FROM acp_message
    WHERE direction = 'inbound' AND rpc_kind NOT IN ('transport', 'unanswered')
"""


class Flood:
    """An agent that sends so many damaged frames with its first sign of life, and counts what it sends."""

    def __init__(self, random: Random, frames: int) -> None:
        self.sent = 0
        self.problem: BaseException | None = None
        self.warm, self.done = threading.Event(), threading.Event()
        self._go_on = threading.Event()
        self._texts = islice(mutants(random), frames)
        self._frames = frames
        self._thread = threading.Thread(target=self._flood)
        self._lock = threading.Lock()

    def go_on(self) -> None:
        """Go on after the warm-up, once the gateway has been measured."""
        self._go_on.set()

    def answer(self, socket: ServerConnection, frame: dict[str, Any]) -> None:
        known = frame["method"] == "initialize"
        with self._lock:
            self.sent += 1
            reply(socket, frame, **({"result": INITIALIZED} if known else {"result": {}}))
        if not known and not self._thread.is_alive() and not self.done.is_set():
            self._socket = socket
            self._thread.start()

    def _flood(self) -> None:
        try:
            for number, text in enumerate(self._texts):
                if number == self._frames // 2:  # 100,000 of 200,000: measured, grows no more
                    self.warm.set()
                    self._go_on.wait()
                with self._lock:
                    self._socket.send(text.encode(errors="replace").decode())
                    self.sent += 1
        except ConnectionClosed as error:
            self.problem = error
        finally:
            self.warm.set()
            self.done.set()


def run(settings: Settings, process: GatewayProcess, frames: int, patience: float) -> int:
    """Flood a gateway; return by how many bytes it has grown after the first half of the frames.

    `patience` is in seconds. Fails where a frame has no record, or more than one, or ended the connection.
    """
    flood = Flood(Random(frames), frames)  # noqa: S311 - a load, not a secret
    store = Store(str(settings.database_url))
    with ExitStack() as stack:
        stack.callback(store.close)
        url = stack.enter_context(agent({"initialize": flood.answer, "_console/ping": flood.answer}))
        stack.callback(flood.go_on)
        store.register("flooding", url, protocols=("acp",))
        process.started()
        memory = psutil.Process(process.pid).memory_info
        _recorded(store, flood.warm, flood, patience)
        before = memory().rss
        flood.go_on()
        _recorded(store, flood.done, flood, patience)
        assert flood.problem is None, f"after {flood.sent} frames: {flood.problem}"
        assert store.connected("flooding")["reconnect_count"] == 0
        return memory().rss - before


def _recorded(store: Store, moment: threading.Event, flood: Flood, patience: float) -> None:
    """Wait for a moment of the flood, and for one record of each frame that was sent until then."""
    assert moment.wait(patience)
    eventually(lambda: store.rows(_STORED)[0]["number"] - flood.sent, (0).__eq__, patience)
