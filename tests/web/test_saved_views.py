"""Saved views: a list's filter under a name, one's own or shared; never a way to another place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.models import AuditEvent, SavedView
from app.services.saved_views import PAGES, clean

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World

HOSTILE = "<img src=x onerror=alert(1)>"


def stored(world: World) -> SavedView:
    world.session.expire_all()
    return world.session.scalars(select(SavedView)).one()


def test_a_view_is_saved_and_found_in_the_menu(sign_in: SignIn, world: World) -> None:
    viewer = sign_in("viewer")
    page = viewer.get("/containers?q=web&status=error&sort=errors").text
    assert 'hx-get="/saved-views/containers?query=q%3Dweb%26status%3Derror%26sort%3Derrors"' in page
    query = "q=web&status=error&sort=errors&after=x&next=//evil.example"
    answer = viewer.post("/saved-views/containers", data={"name": " Broken  web ", "query": query})
    assert answer.headers["Location"] == "/containers?q=web&status=error&sort=errors"
    assert stored(world).name == "Broken web"
    menu = viewer.get("/saved-views/containers", headers={"HX-Request": "true"}).text
    assert 'href="/containers?q=web&amp;status=error&amp;sort=errors"' in menu
    assert "<!doctype" not in menu
    assert "Broken web" in viewer.get("/saved-views/containers").text
    assert "Broken web" not in viewer.get("/saved-views/audit").text
    event = world.session.scalars(select(AuditEvent).where(AuditEvent.action == "view saved")).one()
    assert event.actor == "viewer@example.com"


def test_others_see_it_only_if_it_is_shared(sign_in: SignIn, world: World) -> None:
    viewer, operator, admin = sign_in("viewer"), sign_in("operator"), sign_in("admin")
    viewer.post("/saved-views/audit", data={"name": HOSTILE, "query": "actor=ann"})
    view = stored(world)
    assert "actor=ann" not in operator.get("/saved-views/audit").text
    for path in ("change", "remove"):
        for other in (operator, admin):
            assert other.post(f"/saved-views/{view.id}/{path}", data={"name": "x"}).status_code == 404
    viewer.post(f"/saved-views/{view.id}/change", data={"name": HOSTILE, "shared": "y"})
    page = operator.get("/saved-views/audit").text
    assert 'href="/audit/?actor=ann"' in page
    assert HOSTILE not in page
    assert operator.post(f"/saved-views/{view.id}/remove").status_code == 404
    assert admin.post(f"/saved-views/{view.id}/remove").status_code == 302
    assert world.session.scalar(select(SavedView.id)) is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"name": "", "query": ""}, "required"),
        ({"name": "x" * 81, "query": ""}, "80"),
        ({"name": "Mine", "query": ""}, "you have a view of this name"),
    ],
)
def test_what_cannot_be_saved(sign_in: SignIn, data: dict[str, str], problem: str) -> None:
    viewer = sign_in("viewer")
    viewer.post("/saved-views/users", data={"name": "Mine", "query": ""})
    answer = viewer.post("/saved-views/users", data=data, follow_redirects=True)
    assert problem in answer.text.lower().replace("you have", "you have")


def test_strange_queries(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    assert viewer.get("/saved-views/nothing").status_code == 404
    assert viewer.post("/saved-views/nothing", data={"name": "x"}).status_code == 404
    assert viewer.get(f"/saved-views/containers?query=q%3D{'x' * 2100}").status_code == 400
    assert viewer.get(f"/saved-views/containers?query={'q%3Dx%26' * 60}").status_code == 400
    assert clean("containers", "//evil.example?q=1&q=\0&only=errors&only=held") == "only=errors&only=held"


def test_a_view_holds_nothing_but_parameters_of_a_page_that_is_there(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert {f"{noun}.index" for noun in PAGES} <= endpoints


@pytest.mark.parametrize(
    "path",
    [
        "/containers",
        "/messages/?filter=type:event",
        "/protocol-migrations",
        "/audit/",
        "/gateways",
        "/users/",
    ],
)
def test_each_list_has_the_menu(sign_in: SignIn, world: World, path: str) -> None:
    world.container()
    assert 'hx-get="/saved-views/' in sign_in("admin").get(path).text
