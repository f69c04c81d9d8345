from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from app.queries import configuration_revisions as stored
from tests.web.test_configuration_revisions import save

if TYPE_CHECKING:
    from app.models import Container
    from tests.web.conftest import SignIn, World

PATH = "/configurations/change"


@pytest.fixture
def fleet(world: World) -> list[Container]:
    found = [world.container(name) for name in ("web-1", "web-2", "web-3")]
    save(world, found[2], enable_bulk_operations=False)
    return found


def hidden(page: str) -> dict[str, list[str]]:
    """Return what the confirmation carries hidden."""
    form = page.partition(f'action="{PATH}/apply"')[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r'<input[^>]*type="hidden"[^>]*>', form):
        (name,), (value,) = re.findall(r'name="([^"]*)"', tag), re.findall(r'value="([^"]*)"', tag)
        found.setdefault(name, []).append(value)
    return found


def numbers(world: World, fleet: list[Container]) -> list[int]:
    world.session.rollback()
    return [stored.of_container(world.session, each.id)[0].number for each in fleet]


def test_it_previews_changes_and_shows_what_it_saved(
    sign_in: SignIn, world: World, fleet: list[Container]
) -> None:
    operator = sign_in("operator")
    chosen = "&".join(f"container={each.id}" for each in fleet)
    page = operator.get(f"{PATH}?{chosen}&idle_timeout=70000&compression_enabled=off").text
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "3 containers were chosen" in text
    assert "2 reconnects 1 left out" in text
    assert "Idle timeout: 60000 → becomes 70000" in text
    assert "its bulk operations are off" in text
    assert "web-3" in text
    assert numbers(world, fleet) == [1, 1, 2]
    data = hidden(page) | {"count": "2", "reason": "slow net"}
    answer = operator.post(f"{PATH}/apply", data=data)
    page = operator.get(answer.headers["Location"]).text
    assert "2 configurations are changed" in page
    assert page.count('<tr id="revision-') == 2
    assert "slow net" in page
    assert numbers(world, fleet) == [2, 2, 2]


def test_a_filter_chooses_and_the_command_says_the_same(sign_in: SignIn, fleet: list[Container]) -> None:
    page = sign_in("operator").get(f"{PATH}?q=web-1&idle_timeout=70000").text
    assert "configurations change-many idle_timeout=70000 --search=web-1 --count=1 --reason=WHY" in page
    assert str(fleet[1].id) not in page
    assert hidden(page)["q"] == ["web-1"]


def test_what_changed_in_between_is_shown_again(
    sign_in: SignIn, world: World, fleet: list[Container]
) -> None:
    operator = sign_in("operator")
    shown = hidden(operator.get(f"{PATH}?idle_timeout=70000").text)
    save(world, fleet[0], reconnect_delay=5)
    data = shown | {"count": "2", "reason": "slow net"}
    answer = operator.post(f"{PATH}/apply", data=data)
    assert answer.status_code == 409
    assert "What the preview showed has changed since" in answer.text
    assert 'value="slow net"' in answer.text
    assert numbers(world, fleet) == [2, 1, 2]
    again = hidden(answer.text) | {"count": "2", "reason": "slow net"}
    assert again["fingerprint"] != shown["fingerprint"]
    assert operator.post(f"{PATH}/apply", data=again).status_code == 302
    assert numbers(world, fleet) == [3, 2, 2]


@pytest.mark.parametrize(
    ("given", "status", "problem"),
    [
        ({"count": "3"}, 409, "2 configurations would be changed, not 3"),
        ({"count": "two"}, 409, "2 configurations would be changed, not -1"),
        ({"count": ""}, 422, "This field is required"),
        ({"reason": " "}, 422, "This field is required"),
        ({"idle_timeout": "soon"}, 422, "is not a whole number"),
        ({"idle_timeout": ""}, 409, "choose at least one setting"),
        ({"fingerprint": "x"}, 409, "has changed since"),
    ],
)
def test_it_says_why_it_cannot_be(
    sign_in: SignIn,
    world: World,
    fleet: list[Container],
    given: dict[str, str],
    status: int,
    problem: str,
) -> None:
    operator = sign_in("operator")
    shown = hidden(operator.get(f"{PATH}?idle_timeout=70000").text)
    answer = operator.post(f"{PATH}/apply", data=shown | {"count": "2", "reason": "slow net"} | given)
    assert (answer.status_code, problem in answer.text) == (status, True)
    assert numbers(world, fleet) == [1, 1, 2]


def test_nothing_to_change_offers_no_confirmation(sign_in: SignIn, fleet: list[Container]) -> None:
    operator = sign_in("operator")
    assert "Preview: nothing" not in operator.get(PATH).text
    page = operator.get(f"{PATH}?container={fleet[2].id}&container=nonsense&idle_timeout=5").text
    assert "No configuration would be changed" in page
    assert "bulk operations are off" in page
    assert not hidden(page)


def test_more_than_a_url_can_carry_are_posted(sign_in: SignIn, fleet: list[Container]) -> None:
    ids = [str(each.id) for each in fleet] + [f"00000000-0000-0000-0000-{number:012}" for number in range(60)]
    page = sign_in("operator").post(PATH, data={"container": ids, "idle_timeout": "70000"}).text
    assert "63 containers were chosen" in page
    assert f'<form class="card" method="post" action="{PATH}"' in page
    assert len(hidden(page)["container"]) == 63


def test_a_viewer_may_not(sign_in: SignIn, world: World, fleet: list[Container]) -> None:
    viewer = sign_in("viewer")
    assert viewer.get(PATH).status_code == 403
    assert viewer.post(f"{PATH}/apply", data={"idle_timeout": "5"}).status_code == 403
    assert "Change many" not in viewer.get("/configurations").text
    assert numbers(world, fleet) == [1, 1, 2]
