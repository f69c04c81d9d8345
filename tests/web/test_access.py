from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from sqlalchemy import select, text

from app.config import Settings
from app.models import AuditEvent
from tests.conftest import SECRET_KEY
from tests.web.conftest import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.web.conftest import SignIn, World


def test_a_stranger_is_sent_to_sign_in_and_back(app: Flask) -> None:
    answer = app.test_client().get("/protocol-migrations")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/login?next=/protocol-migrations"


def test_a_wrong_password_is_told_without_saying_who_exists(app: Flask, sign_in: SignIn) -> None:
    sign_in("viewer")
    told = []
    for email in ("viewer@example.com", "stranger@example.com"):
        page = app.test_client().post("/login", data={"email": email, "password": "wrong"}).text
        told.append(page.replace(email, ""))
    assert told[0] == told[1]
    assert "notice" in told[0] or "invalid-feedback" in told[0]


def test_signing_out_takes_a_post(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    assert viewer.get("/logout").status_code == 405
    viewer.post("/logout")
    assert viewer.get("/").status_code == 302


def test_a_denial_is_shown_logged_and_kept(
    sign_in: SignIn, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    answer = sign_in("viewer").get("/containers/new")
    assert answer.status_code == 403
    assert "You may not do this" in answer.text
    assert "viewer@example.com may not GET /containers/new: needs manage" in caplog.text
    event = world.session.scalars(select(AuditEvent).where(AuditEvent.action == "denied")).one()
    assert event.after == {"method": "GET", "path": "/containers/new", "needs": "manage"}


def test_a_form_without_its_token_is_refused(app: Flask, sign_in: SignIn) -> None:
    admin = sign_in("admin")
    app.config["WTF_CSRF_ENABLED"] = True
    answer = admin.post("/containers/new", data={"name": "x"})
    assert answer.status_code == 400
    assert "The form is too old" in answer.text


def test_every_answer_has_the_security_headers(app: Flask) -> None:
    client = app.test_client()
    for path in ("/login", "/nothing", "/healthz"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_no_page_has_anything_inline_or_from_elsewhere(sign_in: SignIn, world: World) -> None:
    container = world.container()
    message = world.record(world.connected(container), {"a": 1})
    admin = sign_in("admin")
    for path in (
        "/",
        "/containers/new",
        f"/containers/{container.id}",
        f"/messages/{message.id}",
        "/nothing",
    ):
        page = admin.get(path).text
        assert re.findall(r"<script(?![^>]*\ssrc=\"/)", page) == [], path
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|hx-on", page) == [], path
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//', page) == [], path


def test_health_needs_no_one(app: Flask) -> None:
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_a_missing_asset_is_a_clear_page(app: Flask, tmp_path: Path) -> None:
    app.static_folder = str(tmp_path)
    answer = app.test_client().get("/login")
    assert answer.status_code == 503
    assert "static/vendor/htmx.min.js is missing" in answer.text.lower()
    assert "make setup" in answer.text


class TestNotMigrated:
    @pytest.fixture
    def settings(self, empty_database_url: str, tmp_path: Path) -> Settings:
        return Settings(database_url=empty_database_url, data_dir=tmp_path, secret_key=SECRET_KEY)

    def test_it_says_what_to_run(self, app: Flask) -> None:
        answer = app.test_client().post("/login", data={"email": "a@example.com", "password": "x"})
        assert answer.status_code == 503
        assert "db upgrade" in answer.text


class TestAway:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        url = f"postgresql:///console?host={tmp_path}"
        return Settings(database_url=url, data_dir=tmp_path, secret_key=SECRET_KEY)

    def test_it_is_a_plain_page(self, app: Flask) -> None:
        client = app.test_client()
        answer = client.post("/login", data={"email": "a@example.com", "password": "x"})
        assert answer.status_code == 503
        assert "The database does not answer" in answer.text
        assert "Traceback" not in answer.text
        assert client.get("/healthz").status_code == 503


def test_a_lost_role_counts_from_the_next_request_on(sign_in: SignIn, world: World) -> None:
    viewer = sign_in("viewer")
    assert viewer.get("/").status_code == 200
    world.session.execute(text("DELETE FROM console_user_role"))
    world.session.commit()
    assert viewer.get("/").status_code == 403


def long_ago(client: FlaskClient, seconds: float) -> None:
    """Have the password be given so long ago."""
    with client.session_transaction() as session:
        session["fs_paa"] = time.time() - seconds


def test_what_concerns_a_fleet_asks_for_the_password_again(sign_in: SignIn) -> None:
    operator, opened = sign_in("operator"), "/fleet-actions/new?kind=probe&choose=all"
    long_ago(operator, 14 * 60)
    assert operator.get(opened).headers.get("Location") == "/containers"  # nobody is there to be asked
    long_ago(operator, 16 * 60)
    asked = operator.get(opened)
    assert asked.headers["Location"] == "/verify?next=" + quote(opened, safe="/?")
    assert "was given more than a quarter of an hour ago" in operator.get(asked.headers["Location"]).text
    wrong = operator.post(asked.headers["Location"], data={"password": "wrong"})
    assert wrong.status_code == 200
    assert operator.get(opened).headers["Location"].startswith("/verify")
    given = operator.post(asked.headers["Location"], data={"password": PASSWORD})
    assert given.headers["Location"] == opened
    assert operator.get(opened).headers["Location"] == "/containers"


def test_a_form_that_was_opened_in_time_can_be_sent_for_as_long_again(sign_in: SignIn) -> None:
    operator, came_from = sign_in("operator"), "http://localhost/fleet-actions/new?kind=probe"
    long_ago(operator, 29 * 60)
    assert "verify" not in operator.post("/fleet-actions/", data={}).headers.get("Location", "")
    long_ago(operator, 31 * 60)
    asked = operator.post("/fleet-actions/", data={}, headers={"Referer": came_from})
    assert asked.headers["Location"] == "/verify?next=/fleet-actions/new?kind%3Dprobe"
