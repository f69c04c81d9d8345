"""The hub: what a process's viewers look at, read and rendered once for all of them.

One thread listens (see `listener`), one reads, renders and writes. A topic is read when a bell has rung for
it, but not more often than it says (`Channel.every`), and nobody waits for a viewer's socket: a queue takes
what it has no room for.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import OperationalError

from app.errors import NotFound
from app.extensions import db
from app.live.listener import Listener
from app.live.news import Signal
from app.live.viewer import BROKEN, GOING_AWAY, GONE, NOT_ALLOWED
from app.queries import users

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from flask import Flask

    from app.live.channels import AnyBell, Channel
    from app.live.news import News
    from app.live.viewer import Goodbye, Viewer

log = logging.getLogger(__name__)

CHECK_SECONDS: Final = 2.0
"""How often it is asked whether each viewer still may look: a lost role closes its sockets within 5 s."""

PERMISSION: Final = "read"
"""What every live page needs."""


class TooManyViewers(Exception):
    """As many live pages are open as the settings allow."""


class Hub:
    """A process's live topics. Its threads start with the first viewer, after gunicorn has forked."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._most = app.extensions["settings"].max_viewers
        self._channels: dict[Hashable, Channel] = {}
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._listener: Listener | None = None
        self._well = True

    @contextmanager
    def watching(self, topic: Hashable, make: Callable[[], Channel], viewer: Viewer) -> Iterator[Channel]:
        """Add a viewer to a topic's channel, which `make` makes for the first one, while the block runs.

        Raises:
            TooManyViewers: no more are allowed.
        """
        channel = self._join(topic, make, viewer)
        try:
            yield channel
        finally:
            self._leave(topic, channel, viewer)

    def heard(self, bell: AnyBell) -> None:
        """Pass a bell on to the topics that it may concern."""
        for channel in self._open():
            bell.ring(channel)
        self._wake.set()

    def listening(self, *, well: bool) -> None:
        """Tell viewers whether the database answers, and catch up when it does again."""
        self._well = well
        for channel in self._open():
            if well:
                channel.hear_all()
            self._publish(channel, Signal({"source": "well" if well else "away"}))
        self._wake.set()

    def close_all(self, goodbye: Goodbye = GOING_AWAY) -> None:
        """Close every viewer's socket; they come back when the console does."""
        self._stopping.set()
        if self._listener is not None:
            self._listener.stop()
        self._wake.set()
        for channel in self._open():
            self._close(channel, goodbye)

    def _join(self, topic: Hashable, make: Callable[[], Channel], viewer: Viewer) -> Channel:
        with self._lock:
            if self._stopping.is_set() or sum(len(each.viewers) for each in self._open()) >= self._most:
                raise TooManyViewers
            self._start()
            channel = self._channels.get(topic)
            if channel is None:
                channel = self._channels[topic] = make()
            channel.viewers.add(viewer)
        if not self._well:
            viewer.offer(Signal({"source": "away"}))
        self._wake.set()
        return channel

    def _leave(self, topic: Hashable, channel: Channel, viewer: Viewer) -> None:
        with self._lock:
            channel.viewers.discard(viewer)
            if not channel.viewers:
                self._channels.pop(topic, None)

    def _start(self) -> None:
        if self._listener is not None:
            return
        self._listener = Listener(self._app.extensions["database"].connect, self)
        self._listener.start()
        threading.Thread(target=self._run, name="live-hub", daemon=True).start()

    def _open(self) -> list[Channel]:
        with self._lock:
            return list(self._channels.values())

    def _run(self) -> None:
        check_at = 0.0
        while not self._stopping.is_set():
            due_in = min((channel.due_in() for channel in self._open()), default=CHECK_SECONDS)
            self._wake.wait(min(due_in, CHECK_SECONDS))
            self._wake.clear()
            due = [channel for channel in self._open() if not channel.due_in()]
            check = time.monotonic() >= check_at
            if due or check:
                # A request's context, for templates make addresses; nobody's, for a fragment knows no viewer.
                with self._app.test_request_context():
                    self._refresh(due)
                    if check:
                        self._check_permissions()
                        check_at = time.monotonic() + CHECK_SECONDS

    def _refresh(self, due: Sequence[Channel]) -> None:
        for channel in due:
            try:
                for news in channel.refresh():
                    self._publish(channel, news)
            except OperationalError as error:
                self._away(channel, error)
            except NotFound:
                self._close(channel, GONE)
            except Exception:
                # Not the thread's end: other pages are well. These come back, and try again then.
                log.exception("a live page could not be brought up to date")
                self._close(channel, BROKEN)
            finally:
                db.session.rollback()

    def _away(self, channel: Channel, error: OperationalError) -> None:
        log.warning("the database does not answer the live pages: %s", error.orig)
        channel.hear_all()
        self._publish(channel, Signal({"source": "away"}))

    def _check_permissions(self) -> None:
        viewers = [viewer for channel in self._open() for viewer in list(channel.viewers)]
        if not viewers:
            return
        try:
            allowed = users.permissions(db.session(), {viewer.uniquifier for viewer in viewers})
        except OperationalError as error:
            log.warning("who may look cannot be asked now: %s", error.orig)
            return
        for viewer in viewers:
            if PERMISSION not in allowed.get(viewer.uniquifier, ()):
                viewer.close(NOT_ALLOWED)

    def _publish(self, channel: Channel, news: News) -> None:
        for viewer in list(channel.viewers):
            viewer.offer(news)

    def _close(self, channel: Channel, goodbye: Goodbye) -> None:
        for viewer in list(channel.viewers):
            viewer.close(goodbye)
