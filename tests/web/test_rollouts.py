"""The pages of rollouts: the list, one of them, and both live."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.live.channels import Bell, RolloutBell
from app.live.listener import bells
from app.live.news import Fact
from app.live.rollouts import RolloutPage
from app.models import RolloutContainer
from app.queries.paging import Where
from app.queries.rollout_containers import PartFilter
from app.services import rollouts
from tests.support.live import hear
from tests.support.rollouts import QUIET, begin, draft, end, end_all, register, settle, under_way
from tests.web.conftest import TEST

if TYPE_CHECKING:
    import uuid

    from flask import Flask

    from app.models import Rollout
    from tests.support.live import Open
    from tests.web.conftest import SignIn, World


HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def paused(world: World) -> Rollout:
    """A rollout of five that waits for a person: its canary has failed."""
    register(world.session, *(f"web-{number}" for number in range(5)), image=HOSTILE, labels={HOSTILE: "x"})
    rollout = begin(world.session, waves="1, 100 %")
    end_all(world.session, rollout, "web-0")
    world.session.commit()
    assert rollout.state == "paused"
    return rollout


def test_the_list_says_state_progress_who_and_why(sign_in: SignIn, world: World, paused: Rollout) -> None:
    paused.name = HOSTILE
    world.session.commit()
    viewer = sign_in("viewer")
    page = viewer.get("/rollouts").text
    assert HOSTILE not in page
    assert f'href="/rollouts/{paused.id}">&lt;img' in page
    assert "1 failed, 4 waiting" in page
    assert "wave 1: 1 failed (limit: 1)" in page
    assert 'ws-connect="/live/rollouts"' in page
    assert "rollouts list" in page
    assert "No rollout matches" in viewer.get("/rollouts?state=completed").text
    assert str(paused.id) in viewer.get("/rollouts?state=paused&protocol=acp&text=img&actor=test").text
    assert 'href="/rollouts/new"' not in page
    assert 'href="/rollouts/new"' in sign_in("migrator").get("/rollouts").text
    assert viewer.get("/rollouts?after=x").status_code == 400


def test_the_page_says_how_far_it_is_and_what_is_measured(sign_in: SignIn, paused: Rollout) -> None:
    viewer = sign_in("viewer")
    page = viewer.get(f"/rollouts/{paused.id}").text
    assert HOSTILE not in page
    for words in (
        "<b>5</b> take part",
        "1 of 2, failed",
        "allowed: none",
        "✕ crossed",
        "it does not answer",
        "wave failed",
        "rollout.paused",
        "canary",
        "What this means",
    ):
        assert words in page, words
    assert "web-3" not in viewer.get(f"/rollouts/{paused.id}?state=failed").text
    assert "web-0" not in viewer.get(f"/rollouts/{paused.id}?wave=2").text
    assert viewer.get(f"/rollouts/{paused.id}?after=x").status_code == 400


def test_only_what_can_be_done_has_a_button(sign_in: SignIn, paused: Rollout) -> None:
    page = sign_in("migrator").get(f"/rollouts/{paused.id}").text
    shown = {each for each in rollouts.Control if f'id="control-{each}"' in page}
    assert shown == {"promote", "retry", "abort"}


def test_a_page_and_its_socket_show_the_same_bytes(
    sign_in: SignIn, world: World, open_page: Open, paused: Rollout
) -> None:
    viewer = sign_in("viewer")
    page = viewer.get("/rollouts").text
    listed = open_page("/live/rollouts")
    assert hear(listed, 'id="rollout-list"') in page
    page = viewer.get(f"/rollouts/{paused.id}?state=waiting").text
    socket = open_page(f"/live/rollouts/{paused.id}?state=waiting")
    for root in ("state", "waves", "limits", "events", "deliveries", "parts"):
        assert hear(socket, f'id="rollout-{root}-') in page
    rollouts.abort(world.session, paused, count=5, reason=HOSTILE, actor=TEST)
    world.session.commit()
    assert "&lt;img" in hear(socket, "aborting")
    hear(socket, "No container matches")
    hear(listed, "aborting")


def test_of_many_containers_only_the_lines_that_changed_are_sent(app: Flask, world: World) -> None:
    register(world.session, *(f"web-{number:03}" for number in range(120)))
    rollout = begin(world.session, waves="100 %", concurrency=5, limits=replace(QUIET, failures=None))
    settle(world.session, rollout)
    world.session.commit()
    with app.test_request_context():
        channel = RolloutPage(rollout.id, PartFilter(), Where("turn", falls=False))
        whole = [each.html for each in channel.refresh() if isinstance(each, Fact)]
        assert sum(each.count('<tr id="part-') for each in whole) == 50
        for migration in under_way(world.session)[:2]:
            end(world.session, migration)
        settle(world.session, rollout)
        world.session.commit()
        assert not [each for each in channel.refresh() if "part-" in str(each)], "no bell has rung"
        channel.hear_rollout(RolloutBell(rollout.id))
        news = [each.html for each in channel.refresh() if isinstance(each, Fact)]
        lines = [each for each in news if 'id="part-' in each]
        assert [each.count('<tr id="part-') for each in lines] == [4]
        assert lines[0].startswith('<tr id="part-')
        assert channel.due_in() > 1, "until the next beat"
        kept = [each.html for each in channel.missed(None, first=True) if isinstance(each, Fact)]  # type: ignore[arg-type]
        assert any(each.count("✓") == 2 and 'id="rollout-parts' in each for each in kept)


def test_a_bell_of_a_rollout_makes_no_other_page_stale(app: Flask, world: World) -> None:
    container = world.container()
    rollout = draft(world.session)
    other = world.container("web-9")
    world.session.commit()
    (bell,) = bells(f"rollout {rollout.id}")
    assert bell == RolloutBell(rollout.id)
    with app.test_request_context():
        channel = RolloutPage(rollout.id, PartFilter(), Where("turn", falls=False))
        channel.refresh()
        channel.hear(Bell(other.id))
        channel.hear(Bell(container.id, other.id))
        channel.hear_rollout(RolloutBell(container.id))
        assert not channel.stale
        channel.hear_rollout(bell)
        assert channel.stale
        channel.refresh()
        channel.hear(Bell(container.id))
        assert channel.stale, "its line is shown, and how far its migration is"


def test_the_overview_and_the_container_say_so(sign_in: SignIn, world: World, paused: Rollout) -> None:
    viewer = sign_in("viewer")
    page = viewer.get("/").text
    assert f'<a href="/rollouts/{paused.id}">to acp</a>' in page
    assert "is paused: 1 failed, 4 waiting – wave 1: 1 failed (limit: 1)" in page
    page = viewer.get(f"/containers/{_container(world, paused)}").text
    assert "in wave 1, failed: it does not answer" in page
    rollouts.abort(world.session, paused, count=5, reason="enough", actor=TEST)
    settle(world.session, paused)
    world.session.commit()
    assert str(paused.id) not in viewer.get("/").text


def _container(world: World, rollout: Rollout) -> uuid.UUID | None:
    part = RolloutContainer
    return world.session.scalar(
        select(part.container_id).where(part.rollout_id == rollout.id, part.name == "web-0")
    )
