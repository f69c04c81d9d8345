"""A browser at a live page: a bounded queue between the hub, which never waits, and a socket, which may."""

from __future__ import annotations

import contextlib
import logging
import queue
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from simple_websocket import ConnectionClosed

from app.extensions import db
from app.live.news import Place, Word

if TYPE_CHECKING:
    from simple_websocket import Server

    from app.live.channels import Channel
    from app.live.news import News

log = logging.getLogger(__name__)

WAITING: Final = 256
"""News that may wait for one viewer: 25 s of a topic at its fastest, some MB at most."""

LOOK_SECONDS: Final = 1.0
"""How long a viewer waits for news before it looks whether its browser has said something, or left."""

HELLO_SECONDS: Final = 10
MOST_UNREAD: Final = 20  # texts from a browser at once: it says a word when it opens and when a list changes


class Goodbye(NamedTuple):
    """Why a socket is closed (RFC 6455, section 7.4); `live.js` tells it in words."""

    code: int
    reason: str


GOING_AWAY: Final = Goodbye(1001, "the console is restarting")
NOT_ALLOWED: Final = Goodbye(4403, "signed out, or the role was taken away")
GONE: Final = Goodbye(4404, "this has been removed")
TOO_SLOW: Final = Goodbye(1013, "this browser did not keep up; it resumes where it was")
TOO_MANY: Final = Goodbye(1013, "too many live pages are open")
BROKEN: Final = Goodbye(1011, "the console made a mistake; it is in the log")
CONFUSED: Final = Goodbye(1008, "that was not understood")


class Viewer:
    """One socket's end of the hub: `offer` and `close` are for any thread, `serve` for the socket's own."""

    def __init__(self, uniquifier: str) -> None:
        self.uniquifier = uniquifier
        self.place = Place()
        self._news: queue.Queue[News | None] = queue.Queue(WAITING)
        self._goodbye: Goodbye | None = None

    def offer(self, news: News) -> None:
        """Queue news; a viewer whose queue is full is cut, and resumes from its cursor."""
        try:
            self._news.put_nowait(news)
        except queue.Full:
            self.close(TOO_SLOW)

    def close(self, goodbye: Goodbye) -> None:
        """Have the socket closed as soon as its present send returns."""
        self._goodbye = self._goodbye or goodbye
        with contextlib.suppress(queue.Full):  # then it is not waiting, and looks at the goodbye next
            self._news.put_nowait(None)

    def serve(self, socket: Server, channel: Channel) -> None:
        """Bring the browser up to date and then send it what is new, until either side ends it."""
        try:
            self._hear(socket.receive(timeout=HELLO_SECONDS) or "{}", socket, channel, first=True)
            while socket.connected and self._goodbye is None:
                self._listen(socket, channel)
                self._tell(socket)
        except (ConnectionClosed, OSError):
            return  # the browser has left
        except msgspec.MsgspecError as error:
            log.warning("a live page sent what it should not: %s", error)
            self._goodbye = CONFUSED
        if self._goodbye is not None and socket.connected:
            socket.close(*self._goodbye)

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
        self.place.move(word)
        missed = channel.missed(self.place, first=first)
        db.session.remove()  # nothing is held while a slow browser is sent to
        for news in missed:
            self._send(socket, news)

    def _tell(self, socket: Server) -> None:
        try:
            news = self._news.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            return
        if news is not None:
            self._send(socket, news)

    def _send(self, socket: Server, news: News) -> None:
        text = news.text(self.place)
        if text is not None:
            socket.send(text)
