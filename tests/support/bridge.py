"""An agent as it is often run: a process that speaks over its pipes, behind a bridge that has the socket.

`python -m tests.support.bridge HOST` is the bridge, itself a process; each connection gets an agent of its
own. Either can be stopped with SIGSTOP: then the kernel still acknowledges what comes for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from tests.support.agents import INITIALIZED
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.server import ServerConnection

ROOT = Path(__file__).resolve().parents[2]


class Bridge:
    """The running bridge: where it is, and its processes to be stopped and continued."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        self.url = url
        self.process = psutil.Process(process.pid)

    def agent(self) -> psutil.Process:
        """The agent's process, of the newest connection."""
        children = eventually(self.process.children)
        return max(children, key=lambda each: each.create_time())


@contextmanager
def bridge(host: str = "127.0.0.1", within: tuple[str, ...] = ()) -> Iterator[Bridge]:
    """Run a bridge as a process; `within` is a command to run it by, such as in a network namespace."""
    process = subprocess.Popen(
        [*within, sys.executable, "-m", "tests.support.bridge", host],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Bridge(process.stdout.readline().strip(), process)
    finally:
        for each in (*psutil.Process(process.pid).children(recursive=True), process):
            each.kill()
        process.wait(PATIENCE)
        process.stdout.close()


def _bridge(socket: ServerConnection) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "from tests.support import bridge; bridge.agent()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as agent:
        assert agent.stdin is not None
        back = threading.Thread(target=_pass_back, args=(agent, socket))
        back.start()
        for text in socket:
            agent.stdin.write(f"{text!s}\n")
        agent.kill()
        back.join()


def _pass_back(agent: subprocess.Popen[str], socket: ServerConnection) -> None:
    assert agent.stdout is not None
    try:
        for line in agent.stdout:
            socket.send(line.rstrip("\n"))
    except ConnectionClosed:
        agent.kill()


def agent() -> None:
    """Answer `initialize`, and any other request with -32601, over stdin and stdout."""
    for line in sys.stdin:
        frame = json.loads(line)
        if "method" in frame and "id" in frame:
            unknown = {"error": {"code": -32601, "message": "Method not found"}}
            outcome = {"result": INITIALIZED} if frame["method"] == "initialize" else unknown
            print(json.dumps({"jsonrpc": "2.0", "id": frame["id"], **outcome}), flush=True)  # noqa: T201 — its pipe


if __name__ == "__main__":
    with serve(_bridge, sys.argv[1], 0) as server:
        host, port = server.socket.getsockname()[:2]
        print(f"http://{host}:{port}", flush=True)  # noqa: T201 — for who started it
        server.serve_forever()
