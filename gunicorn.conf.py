"""What gunicorn reads by itself from the folder it is started in: live sockets end when their worker does."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from app.web import schema_advice

if TYPE_CHECKING:
    from types import FrameType


control_socket_disable = True  # it would write into the home folder of whoever runs the console


def post_worker_init(worker: Any) -> None:
    """Have every live socket closed with 1001 before the worker waits for its threads."""
    stop = signal.getsignal(signal.SIGTERM)

    def close_and_stop(number: int, frame: FrameType | None) -> None:
        # In a thread: a handler must not wait for a lock that the interrupted code may hold.
        threading.Thread(target=worker.wsgi.extensions["live"].close_all, name="live-close").start()
        stop(number, frame)

    signal.signal(signal.SIGTERM, close_and_stop)
    threading.Thread(target=schema_advice.models, name="schema-models").start()  # nobody waits for them later
