"""Who may open what: each route and socket names its permission, and one guard asks for it before all else.

A route without a mark is refused, so that a forgotten one fails closed (and fails the architecture test).
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from urllib.parse import urlsplit

from flask import abort, current_app, flash, redirect, request, session, url_for
from flask_login import current_user

from app.extensions import db
from app.services import audit
from app.services.actor import Actor

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.typing import ResponseReturnValue

log = logging.getLogger(__name__)

Permission = Literal["read", "operate", "configure", "migrate", "manage"]
"""What the roles grant (migration 0005); `public` beside them needs no signing in."""

View = TypeVar("View", bound="Callable[..., object]")

PUBLIC: Final = "public"
# Routes that extensions bring: files for the browser, and the way in and out.
PUBLIC_ENDPOINTS: Final = frozenset({"static", "bootstrap.static", "security.login", "security.logout"})
VERIFY: Final = "security.verify"
"""Where somebody who is signed in gives the password again."""
FRESH: Final = timedelta(minutes=15)
"""How long ago whoever opens what concerns a fleet may have given the password; to send it, as long again."""


def permission(name: Permission) -> Callable[[View], View]:
    """Mark a view or a socket with the permission that it needs."""
    return _mark(name)


def public(view: View) -> View:
    """Mark a view that anybody may open."""
    return _mark(PUBLIC)(view)


def fresh(view: View) -> View:
    """Mark a view that asks for the password again where it was given long ago: what concerns a fleet.

    The page with the form and what takes the form both have it, so that nobody fills in a form for nothing.
    """
    view.fresh = True  # type: ignore[attr-defined]  # functions take attributes
    return view


def _mark(name: str) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.permission = name  # type: ignore[attr-defined]  # functions take attributes; wraps() keeps them
        return view

    return mark


def needed(app: Flask, endpoint: str) -> str | None:
    """Return an endpoint's mark: a permission, `public`, or None for one that has been forgotten."""
    if endpoint in PUBLIC_ENDPOINTS:
        return PUBLIC
    if endpoint == VERIFY:
        return "read"
    return getattr(app.view_functions[endpoint], "permission", None)


def guard() -> ResponseReturnValue | None:
    """Let a request pass, send it to sign in, or refuse it; runs before every request."""
    if request.endpoint is None:
        return None  # there is no such page, and Flask says so
    needs = needed(current_app, request.endpoint)
    refused = None if needs == PUBLIC else require(needs)
    if refused is None and getattr(current_app.view_functions[request.endpoint], "fresh", False):
        return _verify()
    return refused


def require(needs: str | None) -> ResponseReturnValue | None:
    """Ask for a permission: None lets pass whoever has it; for a public view that decides by itself."""
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined,no-any-return]
    if needs is None or not current_user.has_permission(needs):
        _deny(needs)
    return None


def _verify() -> ResponseReturnValue | None:
    """Let pass who has given the password not long ago; send others to give it again, and back here then."""
    opening = request.method in {"GET", "HEAD"}
    within = FRESH if opening else 2 * FRESH
    if time.time() - session.get("fs_paa", 0.0) <= within.total_seconds():  # set by Flask-Security
        return None
    came_from = urlsplit(request.referrer or "")
    back = request.full_path if opening else f"{came_from.path or '/'}?{came_from.query}"
    flash("This concerns many containers: give your password again first.", "info")
    return redirect(url_for(VERIFY, next=back.rstrip("?")))


def actor() -> Actor:
    """Return the signed-in person, as the audit trail names them, and the address of their browser."""
    return Actor(current_user.email, origin=request.remote_addr or "")


def _deny(needs: str | None) -> None:
    log.warning("%s may not %s %s: needs %s", current_user.email, request.method, request.path, needs)
    tried = {"method": request.method, "path": request.path, "needs": needs}
    db.session.commit()  # a list's request has no transaction until now
    audit.record(db.session(), actor(), "denied", ("console_user", current_user.id), after=tried)
    db.session.commit()
    abort(403)
