"""The one box for pages, containers and ids, as a page and as the palette's options."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.web.conftest import SignIn, World

PALETTE = {"HX-Request": "true", "HX-Target": "palette-found"}


def test_containers_are_found_by_a_part_of_their_name_those_that_begin_so_first(
    sign_in: SignIn, world: World
) -> None:
    for name in ("api", "my-web", "web-1"):
        world.container(name)
    page = sign_in("viewer").get("/search/?q=WEB").text
    assert page.index(">web-1<") < page.index(">my-web<")
    assert ">api<" not in page


def test_pages_are_found_by_their_name_and_only_those_one_may_open(sign_in: SignIn) -> None:
    assert '<a href="/users/">Users</a></li></ul></section>' in sign_in("admin").get("/search/?q=user").text
    assert "Nothing is called “user”" in sign_in("viewer").get("/search/?q=user").text


def test_an_id_leads_to_what_it_names(sign_in: SignIn, world: World) -> None:
    container = world.container()
    connection = world.connected(container)
    message = world.record(connection, {"method": "session/update"})
    viewer = sign_in("viewer")
    for subject, path in ((container, "containers"), (connection, "connections"), (message, "messages")):
        assert f'href="/{path}/{subject.id}"' in viewer.get(f"/search/?q={subject.id}").text


def test_the_palette_gets_ten_options_and_nothing_else(sign_in: SignIn, world: World) -> None:
    for number in range(11):
        world.container(f"web-{number}")
    options = sign_in("viewer").get("/search/?q=web", headers=PALETTE).text
    assert options.count('role="option"') == 10
    assert "<html" not in options


def test_whatever_is_asked_is_text(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    for asked in ("<script>", "%", "_", "\0", "'", "x" * 300):
        answer = viewer.get("/search/", query_string={"q": asked})
        assert answer.status_code == 200
        assert "<script>&" not in answer.text.replace("&lt;script&gt;", "")
    assert "&lt;script&gt;" in viewer.get("/search/?q=<script>").text
