"""People: the list, adding somebody, changing what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.web.conftest import PASSWORD

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn

NEW = {"email": "ann@example.com", "password": PASSWORD, "role": ["viewer"]}


def test_somebody_is_added_and_may_sign_in(app: Flask, sign_in: SignIn) -> None:
    admin = sign_in("admin")
    assert admin.post("/users/new", data=NEW).headers["Location"] == "/users/"
    assert "ann@example.com" in admin.get("/users/").text
    answer = app.test_client().post("/login", data={"email": "ann@example.com", "password": PASSWORD})
    assert answer.status_code == 302
    again = admin.post("/users/new", data=NEW)
    assert "exists already" in again.text


def test_what_is_wrong_is_said_at_its_field(sign_in: SignIn) -> None:
    answer = sign_in("admin").post("/users/new", data={"email": "ann", "password": "short", "role": []})
    assert answer.status_code == 422
    assert "Field must be between 12 and 200 characters long." in answer.text
    answer = sign_in("admin").post("/users/new", data=NEW | {"email": "ann"})
    assert "An email address must have an @-sign." in answer.text


def test_a_role_is_taken_away_and_sessions_end(sign_in: SignIn) -> None:
    viewer, admin = sign_in("viewer"), sign_in("admin")
    page = admin.get("/users/").text
    link = page.partition("viewer@example.com</a>")[0].rpartition('href="')[2].partition('"')[0]
    assert 'value="viewer"' in admin.get(link).text
    change = {"role": ["operator"], "active": "y", "reason": "on call"}
    assert admin.post(link, data=change).status_code == 302
    assert viewer.get("/").status_code == 200
    assert admin.post(link, data={"role": ["operator"], "reason": "left"}).status_code == 302
    assert "/login" in viewer.get("/").headers["Location"]
    trail = admin.get("/audit/?action=user+changed").text
    assert "“on call”" in trail


def test_the_last_admin_stays(sign_in: SignIn) -> None:
    admin = sign_in("admin")
    link = (
        admin.get("/users/")
        .text.partition("admin@example.com</a>")[0]
        .rpartition('href="')[2]
        .partition('"')[0]
    )
    answer = admin.post(link, data={"role": ["viewer"], "active": "y", "reason": "oh"})
    assert answer.status_code == 422
    assert "somebody must be left" in answer.text
    assert admin.get("/users/").status_code == 200
