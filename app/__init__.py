"""LumiLink ACP Console: `create_app` binds config, extensions, blueprints and sockets."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from app import cli, live, web
from app.access import FRESH
from app.config import Settings
from app.embedded import DatabaseAddress
from app.extensions import bootstrap, csrf, db, htmx, migrate, security, sock
from app.models import Role, User
from app.protocol import redaction
from app.web.application import Console
from app.web.people import People

if TYPE_CHECKING:
    from flask import Flask

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application for some settings, by default those of the environment.

    Raises:
        BadSetting: a setting of the environment is not allowed.
    """
    settings = settings or Settings.from_env(os.environ)
    app = Console(__name__, root_path=str(ROOT))
    app.config.update(_flask_config(settings))
    app.extensions["settings"] = settings
    redaction.configure(settings.redact_names, settings.redact_patterns)
    app.extensions["database"] = DatabaseAddress(settings)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"creator": app.extensions["database"].connect}

    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    htmx.init_app(app)
    csrf.init_app(app)
    bootstrap.init_app(app)
    security.init_app(app, People(db, User, Role))
    web.register(app)
    live.register(app)
    sock.init_app(app)
    cli.register(app)
    return app


def _flask_config(settings: Settings) -> dict[str, object]:
    """Return what Flask and its extensions read, from our settings."""
    key = settings.require_secret_key()
    return {
        "SECRET_KEY": key,
        "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://",  # the address comes from the engine's `creator`
        "BOOTSTRAP_SERVE_LOCAL": True,
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),
        "SECURITY_PASSWORD_SALT": key,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_LOGIN_USER_TEMPLATE": "security/login.html",
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_SEND_REGISTER_EMAIL": False,
        "SECURITY_LOGOUT_METHODS": ["POST"],  # a link in somebody's page must not sign people out
        "SECURITY_RETURN_GENERIC_RESPONSES": True,  # nobody learns here who has an account
        "SECURITY_FRESHNESS": FRESH,
        "SECURITY_VERIFY_TEMPLATE": "security/verify.html",
        "SOCK_SERVER_OPTIONS": {
            "max_message_size": 64 * 1024,
            # A browser that does not answer a ping until the next is cut: within 10 s after it has stalled.
            "ping_interval": 4,
            # A reading thread may sit out its ping interval after the socket's end; the process need not.
            "thread_class": partial(Thread, daemon=True),
        },
    }
