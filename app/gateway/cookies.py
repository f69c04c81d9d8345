"""Cookies that a container sets are kept and sent back for the life of its connection (wire.md, Transport).

They live in memory, across the reconnects of its row, and are never stored: they may be secrets.
"""

from __future__ import annotations

import logging
from email.message import Message
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Final, cast
from urllib.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.client import HTTPResponse

log = logging.getLogger(__name__)

MOST: Final = 50
LARGEST: Final = 4096
"""What RFC 6265, section 6.1, asks of browsers: cookies of a host, and bytes of one."""


class Cookies:
    """The cookies of one connection, by the rules of RFC 6265 for its host, its paths and their ages."""

    def __init__(self) -> None:
        self._jar = CookieJar()

    def headers(self, url: str) -> dict[str, str]:
        """Return the header to send with a request, if there is anything to send."""
        request = _request(url)
        self._jar.add_cookie_header(request)
        return dict(request.header_items())

    def take(self, url: str, headers: Iterable[tuple[str, str]]) -> None:
        """Keep what a response's headers set; what is too large or no plain text is left out."""
        message = Message()
        for name, value in headers:
            if (
                name.lower() == "set-cookie"
                and len(value) <= LARGEST
                and value.isascii()
                and value.isprintable()
            ):
                message["Set-Cookie"] = value
        self._jar.extract_cookies(cast("HTTPResponse", _Response(message)), _request(url))
        if len(self._jar) > MOST:
            log.warning("%s set more than %d cookies; they are forgotten", url, MOST)
            self._jar.clear()


class _Response:
    """What a jar wants to know of a response."""

    def __init__(self, headers: Message) -> None:
        self._headers = headers

    def info(self) -> Message:
        return self._headers


def _request(url: str) -> Request:
    return Request(url)  # noqa: S310 - nothing is opened by it; it is http or https
