"""A browser at a live page: the hub, which never waits, writes to its socket, or to a queue if that would."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from simple_websocket import ConnectionClosed
from wsproto.utilities import LocalProtocolError

from app.extensions import db
from app.live.news import Place, Word
from app.live.transport import text_frame

if TYPE_CHECKING:
    from simple_websocket import Server

    from app.live.channels import Channel
    from app.live.news import News

log = logging.getLogger(__name__)

WAITING: Final = 256
"""News that may wait for one viewer: 10 s of a topic at its fastest, some MB at most."""

LOOK_SECONDS: Final = 15.0
"""How long a viewer's thread sleeps at most; whatever happens wakes it before."""

HELLO_SECONDS: Final = 10
MOST_UNREAD: Final = 20  # texts from a browser at once: it says a word when it opens and when a list changes


class Goodbye(NamedTuple):
    """Why a socket is closed (RFC 6455, section 7.4); `live.js` tells it in words."""

    code: int
    reason: str

    def say(self, socket: Server) -> None:
        """Close a socket with it; a browser that has left at the same moment hears none."""
        with suppress(ConnectionClosed, LocalProtocolError, OSError):
            socket.close(*self)


GOING_AWAY: Final = Goodbye(1001, "the console is restarting")
NOT_ALLOWED: Final = Goodbye(4403, "signed out, or the role was taken away")
GONE: Final = Goodbye(4404, "this has been removed")
TOO_SLOW: Final = Goodbye(1013, "this browser did not keep up; it resumes where it was")
TOO_MANY: Final = Goodbye(1013, "too many live pages are open")
BROKEN: Final = Goodbye(1011, "the console made a mistake; it is in the log")
CONFUSED: Final = Goodbye(1008, "that was not understood")


class Viewer:
    """One socket's end of the hub: `offer` and `close` are for any thread, `serve` for the socket's own.

    While the browser keeps up, whoever has news for it writes them to its socket, and no thread wakes for
    that. What the kernel has no room for, and all that comes after it, waits for the socket's own thread.
    """

    def __init__(self, uniquifier: str) -> None:
        self.uniquifier = uniquifier
        self.place = Place()
        self._lock = threading.Lock()  # of the place, and of the order in which news go out
        self._waiting: deque[News | bytes] = deque()
        self._behind = True
        self._socket: Server | None = None
        self._goodbye: Goodbye | None = None

    def offer(self, news: News) -> None:
        """Tell news; a viewer for whom too many wait is cut, and resumes from its cursor."""
        with self._lock:
            if self._behind or self._socket is None:
                self._waiting.append(news)
            else:
                self._write(self._socket, news)
            too_slow = len(self._waiting) > WAITING
        if too_slow:
            self.close(TOO_SLOW)

    def close(self, goodbye: Goodbye) -> None:
        """Have the socket closed as soon as its present send returns."""
        self._goodbye = self._goodbye or goodbye
        self._wake()

    def serve(self, socket: Server, channel: Channel) -> None:
        """Bring the browser up to date and then send it what is new, until either side ends it."""
        self._socket = socket
        try:
            self._hear(socket.receive(timeout=HELLO_SECONDS) or "{}", socket, channel, first=True)
            while socket.connected and self._goodbye is None:
                self._catch_up(socket)
                socket.event.wait(LOOK_SECONDS)
                self._listen(socket, channel)
        except (ConnectionClosed, OSError):
            return  # the browser has left
        except msgspec.MsgspecError as error:
            log.warning("a live page sent what it should not: %s", error)
            self._goodbye = CONFUSED
        if self._goodbye is not None:
            self._goodbye.say(socket)

    def _write(self, socket: Server, news: News) -> None:
        """Write news without waiting, or leave them to the socket's thread."""
        frame = self._frame(news)
        if frame is None or not socket.connected:
            return
        try:
            written = socket.sock.offer(frame)
        except OSError:
            written = False  # the socket's thread comes upon it too, and ends
        if not written:
            self._waiting.append(frame)
        if not written or socket.sock.unsent:
            self._behind = True
            self._wake()

    def _wake(self) -> None:
        if self._socket is not None:
            self._socket.event.set()  # what its `receive` waits for, too

    def _frame(self, news: News) -> bytes | None:
        text = news.text(self.place)
        return None if text is None else text_frame(text)

    def _listen(self, socket: Server, channel: Channel) -> None:
        for _ in range(MOST_UNREAD):
            text = socket.receive(timeout=0)
            if text is None:
                return
            self._hear(text, socket, channel, first=False)
        raise msgspec.ValidationError("too many texts at once")

    def _hear(self, text: str | bytes, socket: Server, channel: Channel, *, first: bool) -> None:
        """Take the place that the browser says it is at, and send what it has missed there."""
        word = msgspec.json.decode(text, type=Word)
        with self._lock:
            self._behind = True  # news that come meanwhile go out after what has been missed
            self.place.move(word)
        missed = channel.missed(self.place, first=first)
        db.session.remove()  # nothing is held while a slow browser is sent to
        for news in missed:
            self._send(socket, news)

    def _catch_up(self, socket: Server) -> None:
        """Send what waits, until nothing does."""
        while self._behind and self._goodbye is None:
            if socket.sock.unsent:
                socket.sock.send(b"")
            with self._lock:
                if not self._waiting:
                    self._behind = False
                    return
                news = self._waiting.popleft()
            self._send(socket, news)

    def _send(self, socket: Server, news: News | bytes) -> None:
        if isinstance(news, bytes):
            socket.sock.send(news)
            return
        with self._lock:
            frame = self._frame(news)
        if frame is not None:
            socket.sock.send(frame)
