"""Who may open what: each route and socket names its permission, and one guard asks for it before all else.

A route without a mark is refused, so that a forgotten one fails closed (and fails the architecture test).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from flask import abort, current_app, request
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


def permission(name: Permission) -> Callable[[View], View]:
    """Mark a view or a socket with the permission that it needs."""
    return _mark(name)


def public(view: View) -> View:
    """Mark a view that anybody may open."""
    return _mark(PUBLIC)(view)


def _mark(name: str) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.permission = name  # type: ignore[attr-defined]  # functions take attributes; wraps() keeps them
        return view

    return mark


def needed(app: Flask, endpoint: str) -> str | None:
    """Return an endpoint's mark: a permission, `public`, or None for one that has been forgotten."""
    if endpoint in PUBLIC_ENDPOINTS:
        return PUBLIC
    return getattr(app.view_functions[endpoint], "permission", None)


def guard() -> ResponseReturnValue | None:
    """Let a request pass, send it to sign in, or refuse it; runs before every request."""
    if request.endpoint is None:
        return None  # there is no such page, and Flask says so
    needs = needed(current_app, request.endpoint)
    return None if needs == PUBLIC else require(needs)


def require(needs: str | None) -> ResponseReturnValue | None:
    """Ask for a permission: None lets pass whoever has it; for a public view that decides by itself."""
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()  # type: ignore[attr-defined,no-any-return]
    if needs is None or not current_user.has_permission(needs):
        _deny(needs)
    return None


def actor() -> Actor:
    """Return the signed-in person, as the audit trail names them, and the address of their browser."""
    return Actor(current_user.email, origin=request.remote_addr or "")


def _deny(needs: str | None) -> None:
    log.warning("%s may not %s %s: needs %s", current_user.email, request.method, request.path, needs)
    tried = {"method": request.method, "path": request.path, "needs": needs}
    audit.record(db.session(), actor(), "denied", ("console_user", current_user.id), after=tried)
    db.session.commit()
    abort(403)
