"""Answers travel compressed, and files that a page loads are kept by the browser until they change.

Pages are compressed with gzip although they hold a form's token: docs/adr/0036 says why that is no breach.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import secrets
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flask import current_app, request

if TYPE_CHECKING:
    from flask import Flask, Response

ASSETS: Final = frozenset({"static", "bootstrap.static"})
COMPRESSED: Final = frozenset(
    {
        *("text/html", "text/css", "text/csv", "text/plain", "text/javascript", "application/javascript"),
        *("application/json", "image/svg+xml"),
    }
)
LEAST: Final = 1024  # bytes; a shorter answer fits into one packet as it is
PAGE_LEVEL: Final = 4  # 50 KB of HTML take 1 ms, and level 9 would save 5 % of what is left
MOST_PADDING: Final = 100
"""Random bytes in the head of a compressed page, so that its length tells less of what is in it."""
NOT_MODIFIED: Final = 304
A_YEAR: Final = 31_536_000  # seconds
FILES: Final = 256  # compressed files kept in memory; there are some thirty


def register(app: Flask) -> None:
    """Compress what the application answers, and let the addresses of files name their content."""
    app.url_defaults(_name_content)
    app.after_request(finish)


def finish(response: Response) -> Response:
    """Compress an answer where the browser takes that, and say how long a file may be kept."""
    is_asset = request.endpoint in ASSETS
    if is_asset and response.status_code in {200, NOT_MODIFIED}:
        response.cache_control.clear()
        response.headers["Cache-Control"] = _kept()
    if response.mimetype not in COMPRESSED or response.status_code == NOT_MODIFIED:
        return response
    response.vary.add("Accept-Encoding")
    streams = response.is_streamed and not is_asset
    if streams or not request.accept_encodings["gzip"] or "Content-Encoding" in response.headers:
        return response
    response.direct_passthrough = False  # a file is read, for it is compressed
    body = response.get_data()
    if len(body) >= LEAST:
        response.set_data(_file(body) if is_asset else _page(body))
        response.headers["Content-Encoding"] = "gzip"
        if etag := response.get_etag()[0]:
            response.set_etag(etag, weak=True)  # the same content in other bytes
    return response


def _kept() -> str:
    """An address that names its content is good for ever; any other is asked for again."""
    return f"public, max-age={A_YEAR}, immutable" if request.args.get("v") else "no-cache"


def _page(body: bytes) -> bytes:
    padded = io.BytesIO()
    padding = "x" * (1 + secrets.randbelow(MOST_PADDING))
    with gzip.GzipFile(padding, "wb", PAGE_LEVEL, padded, mtime=0) as file:
        file.write(body)
    return padded.getvalue()


@lru_cache(FILES)
def _file(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


def _name_content(endpoint: str, values: dict[str, Any]) -> None:
    """Add what the file's content hashes to, so that a changed file has another address."""
    if endpoint in ASSETS and "filename" in values:
        holder = current_app if endpoint == "static" else current_app.blueprints[endpoint.partition(".")[0]]
        path = Path(holder.static_folder or "") / str(values["filename"])
        if path.is_file():
            values.setdefault("v", _digest(path, path.stat().st_mtime_ns))


@lru_cache(FILES)
def _digest(path: Path, _changed: int) -> str:
    """Return twelve digits of a file's SHA-256; read once for each time that it changes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
