"""The security headers of every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import current_app, request

if TYPE_CHECKING:
    from flask import Response

# Nothing inline and nothing from elsewhere. `data:` for images only: Bootstrap's style sheet draws with it.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
A_YEAR: Final = 31_536_000  # seconds; what browsers' lists of https-only sites ask for


def add(response: Response) -> Response:
    """Tell the browser what it may do with the answer, and caches that it is nobody else's."""
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault(
        "Referrer-Policy", "same-origin"
    )  # a page with a secret in its address has none
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers["Strict-Transport-Security"] = f"max-age={A_YEAR}"
    if request.endpoint not in {"static", "bootstrap.static"}:
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("HX-Request")  # one URL serves a page and its fragment
    return response
