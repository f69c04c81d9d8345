"""What is kept of pages and people: nobody is shown another's, and a change is seen at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import select

from app.extensions import db
from app.models import User
from app.services import users
from app.services.actor import Actor
from app.services.users import RoleName

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from tests.web.conftest import SignIn

TEST = Actor("test")


def test_no_role_is_shown_the_menu_of_another(sign_in: SignIn) -> None:
    admin, viewer = sign_in("admin"), sign_in("viewer")
    for _ in range(2):  # the second from what was kept
        assert _places(admin.get("/audit/").text) - _places(viewer.get("/audit/").text) == {"/users/"}


def test_the_current_entry_is_that_of_each_page(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    for path in ("/containers", "/connections", "/containers"):
        assert set(re.findall(r'href="([^"]+)"[^>]* aria-current="page"', viewer.get(path).text)) == {path}


def test_each_session_has_a_token_of_its_own(app: Flask, sign_in: SignIn) -> None:
    clients = [sign_in("operator"), sign_in("operator"), sign_in("admin")]
    app.config["WTF_CSRF_ENABLED"] = True
    tokens = [_token(client) for client in clients]
    assert len(set(tokens)) == len(tokens)
    for client, token in zip(clients, tokens, strict=True):
        assert client.post("/logout", data={"csrf_token": token}).status_code == 302


def test_a_token_of_another_session_is_refused(app: Flask, sign_in: SignIn) -> None:
    mine, other = sign_in("operator"), sign_in("operator")
    app.config["WTF_CSRF_ENABLED"] = True
    _token(mine)
    assert mine.post("/logout", data={"csrf_token": _token(other)}).status_code == 400


def test_a_role_that_is_given_or_taken_counts_from_the_next_request_on(app: Flask, sign_in: SignIn) -> None:
    sign_in("admin")  # one is always left
    client = sign_in("viewer")
    assert client.get("/users/").status_code == 403
    for roles, status in (([RoleName.ADMIN], 200), ([RoleName.VIEWER], 403)):
        _change(app, roles, active=True)
        assert client.get("/users/").status_code == status
        assert ('data-may="operate' in client.get("/audit/").text) is (status == 200)


def test_who_may_not_sign_in_any_more_is_out_at_once(app: Flask, sign_in: SignIn) -> None:
    sign_in("admin")
    client = sign_in("viewer")
    assert client.get("/audit/").status_code == 200
    _change(app, [RoleName.VIEWER], active=False)
    assert client.get("/audit/").status_code == 302


def test_a_new_password_signs_everybody_with_the_old_one_out(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("viewer")
    assert client.get("/audit/").status_code == 200
    with app.app_context():
        users.set_password(db.session(), _viewer(), "another-correct-horse", TEST)
        db.session.commit()
    assert client.get("/audit/").status_code == 302


def _change(app: Flask, roles: list[RoleName], *, active: bool) -> None:
    with app.app_context():
        users.change(db.session(), _viewer(), roles, active=active, actor=TEST, reason="test")
        db.session.commit()


def _viewer() -> User:
    return db.session.scalars(select(User).where(User.email == "viewer@example.com")).one()


def _places(page: str) -> set[str]:
    return set(re.findall(r'href="([^"]+)" data-go=', page))


def _token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/audit/").text)
    assert found
    return found[1]
