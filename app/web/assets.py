"""No page is served that would be broken for want of a file. Once all are there, nobody looks again."""

from __future__ import annotations

from typing import Final

from flask import current_app, request

from app import assets

_NO_PAGES: Final = frozenset({"static", "bootstrap.static", "health.healthz"})


def check() -> None:
    """Refuse to serve pages while an asset is missing. Raises MissingAsset."""
    known = current_app.extensions
    if "assets_found" not in known and request.endpoint not in _NO_PAGES:
        assets.require(current_app.static_folder or "static")
        known["assets_found"] = True
