"""Frames of lists: a page is what it would be without them, and nobody is shown another's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from flask import session as browser

from app.extensions import db
from app.queries import users as people
from app.services import users
from app.services.users import RoleName
from app.web import frames
from app.web.forms.container import ContainerForm
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World

LISTS = (
    "/containers?q=we",
    "/containers?at=2026-01-01T00:00:00",
    "/connections",
    "/connections?at=2026-01-01T00:00:00",
    "/messages/?filter=type:message",
    "/protocol-migrations?outcome=open",
    "/audit/?action=denied",
    "/gateways?sort=load",
    "/users/",
    "/sessions/",
    "/containers/{container}/sessions/",
)
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_NOW = re.compile(r'name="at" value="[^"]+"')


def plain(html: str) -> str:
    """Take away what is another at each request: the form's token, and the time."""
    return _NOW.sub("", _TOKEN.sub("", html))


@pytest.mark.parametrize("path", LISTS)
def test_a_page_in_a_frame_is_the_page_that_its_template_renders(
    app: Flask, sign_in: SignIn, world: World, path: str
) -> None:
    container = world.container()
    world.record(world.connected(container), {"said": "<b>"})
    path = path.format(container=container.id)
    admin = sign_in("admin")
    first, second = admin.get(path).text, admin.get(path).text
    assert len(app.extensions["frames"]) == 1
    with admin.session_transaction() as kept:
        kept["_flashes"] = [("info", "told once")]
    told = admin.get(path).text  # not in a frame
    notice = re.search(r'\s*<p class="notice notice-info" role="status">told once</p>', told)
    assert notice is not None
    assert plain(first) == plain(second)
    assert plain(second).split() == plain(told.replace(notice[0], "")).split()
    assert "told once" not in admin.get(path).text


def test_everybody_has_the_name_the_rights_and_the_token_of_their_own(
    app: Flask, sign_in: SignIn, world: World
) -> None:
    world.container()
    viewer, admin = sign_in("viewer"), sign_in("admin")
    pages = {name: client.get("/containers").text for name, client in (("viewer", viewer), ("admin", admin))}
    assert ["Register a container" in page for page in pages.values()] == [False, True]
    assert all(f"{name}@example.com" in page for name, page in pages.items())
    assert _TOKEN.findall(pages["viewer"]) != _TOKEN.findall(pages["admin"])
    with app.app_context():
        person = people.get(db.session(), "viewer@example.com")
        users.change(db.session(), person, [RoleName.ADMIN], active=True, actor=TEST, reason="grown")
        db.session.commit()
    assert "Register a container" in viewer.get("/containers").text
    (token,) = _TOKEN.findall(viewer.get("/containers").text)
    app.config["WTF_CSRF_ENABLED"] = True
    assert viewer.post("/logout", data={"csrf_token": "another"}).status_code == 400
    assert viewer.post("/logout", data={"csrf_token": token}).status_code == 302


def test_no_frame_has_a_forms_token(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("admin")
    with client:
        client.get("/containers")
        app.config["WTF_CSRF_ENABLED"] = True
        form = {"form": ContainerForm(), "verb": "Save", "back": "/"}
        with pytest.raises(RuntimeError, match="token would be kept"):
            frames.framed("containers/_form.html", {}, **form)
        assert "csrf_token" in browser


def test_no_more_frames_are_kept_than_may_be(
    app: Flask, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "MOST", 3)
    viewer = sign_in("viewer")
    for number in range(8):
        assert f'value="{number}"' in viewer.get(f"/containers?q={number}").text
        assert len(app.extensions["frames"]) <= 3
    monkeypatch.setattr(frames, "LONGEST", 1000)
    app.extensions["frames"].clear()
    assert viewer.get("/containers").status_code == 200
    assert app.extensions["frames"] == {}
