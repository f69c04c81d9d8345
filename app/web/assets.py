"""No page is served that would be broken for want of a file."""

from __future__ import annotations

from flask import current_app, request

from app import assets


def check() -> None:
    """Refuse to serve pages while an asset is missing. Raises MissingAsset."""
    if request.endpoint not in {"static", "bootstrap.static", "health.healthz"}:
        assets.require(current_app.static_folder or "static")
