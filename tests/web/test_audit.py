"""The audit trail as a page: what changed, by whom, narrowed and paged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.queries.paging import LIMIT as PAGE
from app.services import audit
from app.services.actor import Actor

if TYPE_CHECKING:
    from tests.web.conftest import SignIn, World


def test_a_change_is_shown_with_what_it_was_before(sign_in: SignIn, world: World) -> None:
    container = world.container()
    audit.record(
        world.session,
        Actor("<i>ann</i>"),
        "configuration changed",
        ("acp_connection_configuration", container.id),
        reason="<b>slow</b> link",
        before={"idle_timeout": 60000, "encryption_level": "none"},
        after={"idle_timeout": 90000, "encryption_level": "none"},
    )
    world.session.commit()
    page = sign_in("viewer").get("/audit/").text
    assert "&lt;i&gt;ann&lt;/i&gt;" in page
    assert "“&lt;b&gt;slow&lt;/b&gt; link”" in page
    assert "<del>60000</del>" in page
    assert "<ins>90000</ins>" in page
    assert "1 value<" in page
    assert f'href="/containers/{container.id}">web-1</a>' in page


def test_it_is_narrowed_by_the_address(sign_in: SignIn, world: World) -> None:
    first, second = world.container("web-1"), world.container("web-2")
    audit.record(world.session, Actor("ann"), "looked", ("container", first.id))
    world.session.commit()
    viewer = sign_in("viewer")
    for query, there, not_there in [
        ("actor=AN", ">looked<", ">container registered<"),
        ("action=looked", ">looked<", ">user added<"),
        ("since=-1h", ">looked<", ">nothing<"),
        ("until=-1h", "", ">looked<"),
        (f"subject={second.id}", ">web-2<", ">web-1<"),
    ]:
        rows = viewer.get(f"/audit/?{query}").text.partition("<tbody>")[2]
        assert there in rows
        assert not_there not in rows
    assert "Nothing matches" in viewer.get("/audit/?actor=nobody-at-all").text
    assert viewer.get("/audit/?before=x").status_code == 400
    assert "how long ago" in viewer.get("/audit/?since=soon").text
    oldest = viewer.get("/audit/?sort=-time").text
    assert oldest.index(">container registered<") < oldest.index(">looked<")


def test_older_events_follow(sign_in: SignIn, world: World) -> None:
    container = world.container()
    for number in range(PAGE + 5):
        audit.record(world.session, Actor(f"no-{number}."), "looked", ("container", container.id))
    world.session.commit()
    viewer = sign_in("viewer")
    newest = viewer.get("/audit/?action=looked").text
    assert "no-5." in newest
    assert "no-4." not in newest
    link = newest.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    oldest = viewer.get(link).text
    assert "no-4." in oldest
    assert "no-5." not in oldest
    assert 'rel="next"' not in oldest


def test_a_denial_is_in_it(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    assert viewer.get("/users/").status_code == 403
    assert ">denied<" in viewer.get("/audit/").text
