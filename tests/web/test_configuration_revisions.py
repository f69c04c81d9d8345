from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.queries import configuration_revisions as stored
from app.services import configurations
from app.services.actor import Actor
from app.services.configurations import ConfigurationValues

if TYPE_CHECKING:
    from app.models import Container
    from tests.web.conftest import SignIn, World

HOSTILE = "<img src=x onerror=alert(1)>"
ANN = Actor("ann@example.com")


def save(world: World, container: Container, reason: str = "as asked", **changed: object) -> None:
    values = replace(ConfigurationValues.of(container.configuration), **changed)  # type: ignore[arg-type]
    configurations.update(world.session, container.configuration, values, ANN, reason)
    world.session.commit()


def numbers(world: World, container: Container) -> list[int]:
    world.session.rollback()
    return [each.number for each in stored.of_container(world.session, container.id)]


def test_the_list_shows_who_changed_what_and_why(sign_in: SignIn, world: World) -> None:
    container = world.container()
    save(world, container, HOSTILE, idle_timeout=7000)
    page = sign_in("viewer").get("/configurations").text
    assert "Idle timeout: 7000" in page
    assert f"/containers/{container.id}/configuration/revisions/2" in page
    assert "&lt;img src=x" in page
    assert HOSTILE not in page
    assert 'aria-current="page">Configurations' in " ".join(page.split())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("container=web", True),
        ("container=db", False),
        ("actor=ann&field=idle_timeout", True),
        ("field=enable_metrics", False),
        ("since=2020-01-01T00:00", True),
        ("until=2020-01-01T00:00", False),
        ("since=nonsense&bulk=nonsense&field=nonsense", True),
        ("bulk=00000000-0000-0000-0000-000000000007", False),
    ],
)
def test_the_list_is_narrowed_by_its_url(sign_in: SignIn, world: World, query: str, found: bool) -> None:  # noqa: FBT001
    save(world, world.container(), idle_timeout=7000)
    page = sign_in("viewer").get(f"/configurations?{query}").text
    assert ("Idle timeout: 7000" in page, "No revision matches" in page) == (found, not found)


def test_the_list_is_paged_by_cursor(sign_in: SignIn, world: World) -> None:
    container = world.container()
    for number in range(1, 52):
        save(world, container, idle_timeout=1000 + number)
    viewer = sign_in("viewer")
    first = viewer.get("/configurations?actor=ann").text
    assert first.count('<tr id="revision-') == 50
    older = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    rest = viewer.get(older).text
    assert rest.count('<tr id="revision-') == 1
    assert "Idle timeout: 1001" in rest
    assert viewer.get("/configurations?before=nonsense").status_code == 400


def test_a_revision_shows_what_it_changed_and_what_changed_since(sign_in: SignIn, world: World) -> None:
    container = world.container()
    save(world, container, idle_timeout=7000)
    save(world, container, reconnect_delay=5)
    viewer = sign_in("viewer")
    page = viewer.get(f"/containers/{container.id}/configuration/revisions/2").text
    rows = {part.partition("<")[0]: part.partition("</tr>")[0] for part in page.split('<th scope="row">')[1:]}
    assert all(word in rows["Idle timeout"] for word in ("60000", "<b>7000</b>", "changed by it"))
    assert all(word in rows["First delay"] for word in ("1000", ">5<", "changed since"))
    assert "unchanged" in rows["Compression"]
    assert "Reverting needs the role operator" in page
    assert "configurations revert web-1 2 --reason=WHY" in page
    for number in (0, 4, 10**12):
        missing = f"/containers/{container.id}/configuration/revisions/{number}"
        assert viewer.get(missing).status_code == 404
    current = viewer.get(f"/containers/{container.id}/configuration/revisions/3").text
    assert "there is nothing to revert" in current


def test_a_revert_is_a_new_revision_with_its_reason(sign_in: SignIn, world: World) -> None:
    container = world.container()
    save(world, container, idle_timeout=7000)
    operator, path = sign_in("operator"), f"/containers/{container.id}/configuration/revisions/1"
    assert "Revert to revision 1" in operator.get(path).text
    answer = operator.post(f"{path}/revert", data={"reason": "too short", "base": "2"})
    assert answer.headers["Location"].endswith("/revisions/3")
    page = operator.get(answer.headers["Location"]).text
    assert "Reverted to revision 1, as revision 3. It is applied at once." in page
    assert "It reverts to" in page
    world.session.refresh(container.configuration)
    assert container.configuration.idle_timeout == 60_000
    latest = stored.latest(world.session, container.id)
    assert latest is not None
    assert (latest.reverted_from, latest.actor, latest.reason) == (1, "operator@example.com", "too short")


def test_a_revert_of_what_has_moved_on_is_refused(sign_in: SignIn, world: World) -> None:
    container = world.container()
    save(world, container, idle_timeout=7000)
    operator, path = sign_in("operator"), f"/containers/{container.id}/configuration/revisions/1/revert"
    save(world, container, "in between", idle_timeout=8000)
    for data, problem in [
        (
            {"reason": "too short", "base": "2"},
            "Revision 3 was saved by ann@example.com meanwhile: in between",
        ),
        ({"reason": " ", "base": "3"}, "reason: This field is required"),
    ]:
        assert problem in operator.post(path, data=data, follow_redirects=True).text
    assert numbers(world, container) == [3, 2, 1]
    again = {"reason": "back", "base": "3"}
    assert "as revision 4" in operator.post(path, data=again, follow_redirects=True).text
    assert (
        "is what is current already" in operator.post(path, data={"reason": "x"}, follow_redirects=True).text
    )


def test_a_revert_that_breaks_a_rule_now_says_so(sign_in: SignIn, world: World) -> None:
    container = world.container()
    container.endpoint_url = "https://127.0.0.1:9000"
    save(world, container, encryption_level="high")
    save(world, container, encryption_level="none")
    container.endpoint_url = "http://127.0.0.1:9000"
    world.session.commit()
    path = f"/containers/{container.id}/configuration/revisions/2/revert"
    page = sign_in("operator").post(path, data={"reason": "x"}, follow_redirects=True).text
    assert "only none is possible" in page
    assert numbers(world, container) == [3, 2, 1]


def test_a_viewer_may_not_revert(sign_in: SignIn, world: World) -> None:
    container = world.container()
    save(world, container, idle_timeout=7000)
    path = f"/containers/{container.id}/configuration/revisions/1/revert"
    assert sign_in("viewer").post(path, data={"reason": "x"}).status_code == 403
    assert sign_in("operator").get(path).status_code == 405
    assert numbers(world, container) == [2, 1]
