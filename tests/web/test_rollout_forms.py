"""Making a rollout and controlling it: previewed, confirmed by the count, each with a reason."""

from __future__ import annotations

import html
import re
import shlex
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app.cli.rollouts import rollouts as rollouts_group
from app.models import Rollout, RolloutContainer
from app.queries import rollouts as queries
from app.services import rollouts
from tests.support.rollouts import begin, draft, end_all, register, settle, states
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.web.conftest import SignIn, World

HOSTILE = "<img src=x onerror=alert(1)>"
FORM = (
    "/rollouts/new?filled=1&name=Pilot&to_protocol=acp&waves=1,+100+%25&bake_seconds=0&concurrency=5"
    "&strategy=graceful&drain_seconds=10&seconds=0&window_zone=UTC&window_begins=00:00&window_ends=00:00"
    "&failures=1&failure_sample=20&success_sample=20&latency_sample=1&crossed=pause"
)
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')


@pytest.fixture
def fleet(world: World) -> None:
    register(world.session, *(f"web-{number}" for number in range(4)), labels={"team": HOSTILE})
    world.container("off").configuration.enable_bulk_operations = False
    world.session.commit()


def stored(world: World) -> Rollout:
    world.session.expire_all()
    return world.session.scalars(select(Rollout)).one()


def confirm(client: FlaskClient, address: str = FORM, **typed: str) -> tuple[int, str]:
    """Send the preview's form as it stands, with what a person types."""
    page = client.get(address).text
    form = page.partition('action="/rollouts"')[2].partition("</form>")[0]
    data: dict[str, list[str]] = {}
    for name, value in HIDDEN.findall(form):
        data.setdefault(name, []).append(value)
    shown = re.search(r'name="shown" type="hidden" value="(\w+)"', form)
    assert shown, page
    given = {"shown": [shown[1]], "reason": ["a pilot"], "do": ["start"]} | {k: [v] for k, v in typed.items()}
    answer = client.post("/rollouts", data=data | given)
    return answer.status_code, answer.headers.get("Location", answer.text)


@pytest.mark.usefixtures("fleet")
def test_the_form_is_filled_from_the_list_and_with_the_usual(sign_in: SignIn) -> None:
    migrator = sign_in("migrator")
    assert 'href="/rollouts/new?q=web&amp;label=team"' in migrator.get("/containers?q=web&label=team").text
    page = migrator.get("/rollouts/new?q=web&label=team").text
    assert 'name="q" maxlength="200" value="web"' in page
    assert 'value="1, 10 %, 50 %, 100 %"' in page
    assert "Preview:" not in page
    assert "/rollouts/new" not in sign_in("operator").get("/containers?q=web").text


@pytest.mark.usefixtures("fleet")
def test_the_preview_names_waves_canaries_and_who_is_left_out(sign_in: SignIn, world: World) -> None:
    page = sign_in("migrator").get(f"{FORM}&canaries=web-2&represent=labels").text
    assert "Preview: 4 take part" in page
    assert re.search(r'web-2</a><span class="label">canary', page)
    assert "Left out: 1" in page
    assert "bulk operations are off" in page
    assert "<li>off</li>" in page
    assert "of 4 pass" in page
    assert "rollouts create Pilot" in page
    assert HOSTILE not in sign_in("migrator").get(f"{FORM}&represent=labels&q={HOSTILE}").text
    assert world.session.scalars(select(Rollout)).all() == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("&waves=50+%25,+10+%25", "more than the last"),
        ("&canaries=nobody", "nobody is not in the selection"),
        ("&canaries=off", "takes no part"),
        ("&pause_after=never", "write each"),
        ("&windowed=y", "choose at least one of"),
        ("&concurrency=0", "at least 1"),
        ("&success=120", "between 0 and 100"),
        ("&name=", "required"),
        ("&bake_seconds=x", "Not a valid integer"),
        ("&q=nothing-like-it", "Nobody takes part"),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_what_is_wrong_is_said_at_its_field(sign_in: SignIn, words: str, problem: str) -> None:
    name = words[1:].partition("=")[0]
    address = re.sub(rf"&{name}=[^&]*", "", FORM) + words
    page = sign_in("migrator").get(address).text
    assert problem in page
    assert 'name="shown"' not in page


@pytest.mark.usefixtures("fleet")
def test_it_is_made_and_started_as_previewed(sign_in: SignIn, world: World) -> None:
    migrator = sign_in("migrator")
    words = (
        "&label=team&late_joiners=y&windowed=y&window_days=mon&window_days=tue&success=99.5&represent=labels"
    )
    status, location = confirm(migrator, FORM + words, count="4")
    assert status == 302, location
    rollout = stored(world)
    assert location == f"/rollouts/{rollout.id}"
    plan = rollout.planned
    assert rollout.state == "running"
    assert plan.selection == {"label": "team"}
    assert (plan.late_joiners, plan.limits.success, plan.limits.no_data) == (True, 0.995, False)
    assert plan.window is not None
    assert plan.window.days == ("mon", "tue")
    assert plan.represent == ("labels",)
    assert "Pilot is started." in migrator.get(location).text


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"count": "3"}, "type 4 to confirm"),
        ({"count": ""}, "required"),
        ({"count": "4", "reason": " "}, "required"),
        ({"count": "4", "shown": "x"}, "has changed since it was shown"),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_nothing_is_made_without_confirmation(
    sign_in: SignIn, world: World, typed: dict[str, str], problem: str
) -> None:
    status, page = confirm(sign_in("migrator"), **typed)
    assert status == 422
    assert problem in page
    assert world.session.scalars(select(Rollout)).all() == []


@pytest.mark.usefixtures("fleet")
def test_a_draft_whose_set_has_changed_starts_only_when_that_is_accepted(
    sign_in: SignIn, world: World
) -> None:
    migrator = sign_in("migrator")
    assert confirm(migrator, count="4", do="draft")[0] == 302
    start = f"/rollouts/{stored(world).id}/start"
    world.container(HOSTILE[1:4])
    page = migrator.get(start).text
    assert "1 joined: img" in page
    given = {"count": "5", "reason": "go"}
    answer = migrator.post(start, data=given)
    assert (answer.status_code, stored(world).state) == (422, "draft")
    assert "accept it" in answer.text
    assert migrator.post(start, data=given | {"accept": "y"}).status_code == 302
    assert stored(world).state == "running"


@pytest.mark.usefixtures("fleet")
def test_each_control_does_what_it_says_with_a_reason(sign_in: SignIn, world: World) -> None:
    rollout = begin(world.session, waves="1, 100 %", bake_seconds=600, concurrency=2)
    end_all(world.session, rollout)
    world.session.commit()
    migrator, here = sign_in("migrator"), f"/rollouts/{rollout.id}"

    def ask(control: str, **given: str) -> int:
        answer = migrator.post(f"{here}/{control}", data={"reason": HOSTILE} | given)
        settle(world.session, stored(world))
        world.session.commit()
        return answer.status_code

    assert ask("pause", reason=" ") == 422
    assert ask("pause") == 302
    assert stored(world).state == "paused"
    assert "only one that bakes" not in migrator.get(f"{here}/promote").text
    assert ask("resume") == 302
    assert ask("promote") == 302
    assert (states(world.session, rollout)["web-0"], stored(world).state) == ("completed", "running")
    page = migrator.get(f"{here}/abort").text
    assert "<b>1 finished</b> stay on acp; they can be rolled back afterwards." in page
    assert "<b>2 running</b> end as they would have" in page
    assert "<b>1 waiting</b> are not begun" in page
    assert ask("abort", count="3") == 422
    assert ask("abort", count="4") == 302
    assert stored(world).state == "aborting"
    end_all(world.session, rollout, "web-1")
    world.session.commit()
    assert stored(world).state == "aborted"
    gone = migrator.get(f"{here}/pause", follow_redirects=True)
    assert "That cannot be done now: a rollout that is aborted cannot pause." in gone.text
    assert ask("roll-back", count="4") == 302
    assert stored(world).state == "rolling_back"
    page = migrator.get(here).text
    assert HOSTILE not in page
    assert migrator.get(f"{here}/explode").status_code == 404


@pytest.mark.usefixtures("fleet")
def test_what_failed_is_retried(sign_in: SignIn, world: World) -> None:
    rollout = begin(world.session, waves="1, 100 %")
    end_all(world.session, rollout, "web-0")
    world.session.commit()
    retry = f"/rollouts/{rollout.id}/retry"
    migrator = sign_in("migrator")
    assert "Type <b" in migrator.get(retry).text
    assert migrator.post(retry, data={"count": "1", "reason": "mended"}).status_code == 302
    assert states(world.session, stored(world))["web-0"] == "waiting"


@pytest.mark.usefixtures("fleet")
def test_some_are_chosen_and_taken_back(sign_in: SignIn, world: World) -> None:
    rollout = begin(world.session, waves="100 %")
    end_all(world.session, rollout)
    world.session.commit()
    migrator, here = sign_in("migrator"), f"/rollouts/{rollout.id}/roll-back-some"
    part = world.session.scalars(select(RolloutContainer.id).where(RolloutContainer.name == "web-1")).one()
    page = migrator.get(here).text
    assert f'value="{part}"' in page
    assert "web-2" not in migrator.get(f"{here}?text=web-1").text
    page = migrator.get(f"{here}?part={part}").text
    assert "<li>web-1</li>" in page
    assert "rollouts rollback" in page
    assert "--container=web-1" in page
    assert '<b class="mono">4</b>' in migrator.get(f"{here}?choose=all").text
    given = {"part": str(part), "count": "1", "reason": "too slow"}
    assert migrator.post(here, data=given | {"count": "2"}).status_code == 422
    assert migrator.post(here, data=given).status_code == 302
    assert states(world.session, stored(world))["web-1"] == "returning"
    assert stored(world).state == "completed"


@pytest.mark.usefixtures("fleet")
def test_only_those_who_may_migrate_see_and_do_it(sign_in: SignIn, world: World) -> None:
    rollout = draft(world.session)
    world.session.commit()
    operator = sign_in("operator")
    assert operator.get(f"/rollouts/{rollout.id}/start").status_code == 403
    assert operator.post(f"/rollouts/{rollout.id}/pause", data={"reason": "r"}).status_code == 403
    assert operator.get("/rollouts/new").status_code == 403
    page = operator.get(f"/rollouts/{rollout.id}").text
    assert 'id="control-start"' in page.partition('class="needs-migrate')[2], "the style sheet hides it"
    assert "migrate" not in page.partition('data-may="')[2].partition('"')[0]


@pytest.mark.usefixtures("fleet")
def test_a_control_asks_for_the_password_but_the_brake_does_not(sign_in: SignIn, world: World) -> None:
    rollout = begin(world.session)
    world.session.commit()
    migrator = sign_in("migrator")
    with migrator.session_transaction() as session:
        session["fs_paa"] = 0
    for path in (f"/rollouts/{rollout.id}/abort", "/rollouts/new"):
        assert migrator.get(path).headers["Location"].startswith("/verify")
    assert migrator.post(f"/rollouts/{rollout.id}/pause", data={"reason": "stop"}).status_code == 302
    assert stored(world).state == "paused"
    counted = queries.total(queries.counts(world.session, rollout.id))
    assert rollouts.concerned(counted, rollouts.Control.ABORT, rollout) == 4
    rollouts.abort(world.session, rollout, count=4, reason="r", actor=TEST)


@pytest.mark.usefixtures("fleet")
def test_the_same_on_the_command_line_is_understood_there(sign_in: SignIn, world: World) -> None:
    migrator = sign_in("migrator")
    listed = "/rollouts?state=paused&text=a+b&sort=-start"
    words = "&q=web&canaries=web-1&windowed=y&window_days=mon&represent=owner&late_joiners=y"
    pages = [migrator.get(each).text for each in (listed, FORM + words)]
    rollout = begin(world.session)
    world.session.commit()
    here = f"/rollouts/{rollout.id}"
    pages += [migrator.get(f"{here}{end}").text for end in ("", "/pause", "/abort")]
    for page in pages:
        said = re.search(r'<code class="cli">flask --app wsgi rollouts (.*?)</code>', page)
        assert said
        name, *given = shlex.split(html.unescape(said[1]))
        rollouts_group.commands[name].make_context(name, given)
