from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from app.queries import configuration_revisions as revisions
from app.queries import configuration_trials as trials
from app.services import configuration_trials as services
from app.services.configurations import ATTEMPTS, MILLISECONDS, ConfigurationValues
from tests.web.conftest import TEST

if TYPE_CHECKING:
    from app.models import Container
    from tests.web.conftest import SignIn, World

HOSTILE = "<img src=x onerror=alert(1)>"
HTMX = {"HX-Request": "true", "HX-Target": "configuration-checks"}


@pytest.fixture
def container(world: World) -> Container:
    return world.container()


def entered(**changed: object) -> dict[str, object]:
    """Return the form as a browser sends it: a box that is off is not there."""
    values = ConfigurationValues(encryption_level="none").as_dict() | {"reason": "as asked"} | changed
    return {name: value for name, value in values.items() if value is not False}


def stored(world: World, container: Container) -> ConfigurationValues:
    world.session.refresh(container.configuration)
    return ConfigurationValues.of(container.configuration)


def test_it_is_saved_and_says_how_it_is_applied(sign_in: SignIn, world: World, container: Container) -> None:
    operator, path = sign_in("operator"), f"/containers/{container.id}/configuration"
    answer = operator.post(path, data=entered(idle_timeout=90_000, enable_metrics=False, reason="slow"))
    assert answer.status_code == 302
    assert stored(world, container).idle_timeout == 90_000
    assert stored(world, container).enable_metrics is False
    page = operator.get(answer.headers["Location"]).text
    assert "is saved as revision 2. It is applied at once." in page
    assert "“slow”" in page
    answer = operator.post(path, data=entered(compression_enabled=False))
    assert "reconnects for it now" in operator.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("max_reconnect_attempts", -1, "0 and 1000"),
        ("max_reconnect_attempts", "many", "Not a valid integer"),
        ("reconnect_delay", 0, "1 and 86400000"),
        ("reconnect_delay", 30_001, "at most max_reconnect_delay"),
        ("idle_timeout", 10**30, "1 and 86400000"),
        ("keep_alive_interval", "", "whole number"),
        ("encryption_level", "rot13", "Not a valid choice"),
        ("encryption_level", "high", "only none is possible"),
    ],
)
def test_a_rule_is_named_and_nothing_stored(
    sign_in: SignIn, world: World, container: Container, name: str, value: object, problem: str
) -> None:
    before, operator = stored(world, container), sign_in("operator")
    path = f"/containers/{container.id}/configuration"
    for tried in (path, f"{path}/validate"):
        answer = operator.post(tried, data=entered(**{name: value}), headers=HTMX)
        assert problem in answer.text, tried
    assert operator.post(path, data=entered(**{name: value})).status_code == 422
    assert stored(world, container) == before


def test_validation_says_what_saving_would_do_and_stores_nothing(
    sign_in: SignIn, world: World, container: Container
) -> None:
    before, operator = stored(world, container), sign_in("operator")
    path = f"/containers/{container.id}/configuration/validate"
    said = [
        operator.post(path, data=entered(**changed), headers=HTMX).text
        for changed in ({}, {"idle_timeout": 1}, {"compression_enabled": False, "idle_timeout": 1})
    ]
    assert "Nothing is changed" in said[0]
    assert "1 change is applied at once" in said[1]
    assert "2 changes reconnect" in said[2]
    assert stored(world, container) == before


def test_the_form_has_every_field_with_the_services_limits(sign_in: SignIn, container: Container) -> None:
    page = sign_in("operator").get(f"/containers/{container.id}/configuration").text
    for each in fields(ConfigurationValues):
        assert f'name="{each.name}"' in page
    assert f'max="{ATTEMPTS.stop - 1}"' in page
    assert f'max="{MILLISECONDS.stop - 1}"' in page


def test_a_viewer_sees_the_values_without_a_form(sign_in: SignIn, container: Container) -> None:
    page = sign_in("viewer").get(f"/containers/{container.id}").text
    assert "Reconnect attempts" in page
    assert 'name="max_reconnect_attempts"' not in page
    assert (
        sign_in("viewer").post(f"/containers/{container.id}/configuration", data=entered()).status_code == 403
    )


def test_validation_takes_no_get(sign_in: SignIn, container: Container) -> None:
    assert sign_in("admin").get(f"/containers/{container.id}/configuration/validate").status_code == 405


def filled(page: str, name: str) -> str:
    """Return what an input of the page is filled with."""
    (tag,) = re.findall(rf'<input[^>]* name="{name}"[^>]*>', page)
    (value,) = re.findall(r' value="([^"]*)"', tag)
    return str(value)


def path_of(container: Container) -> str:
    return f"/containers/{container.id}/configuration"


def test_each_field_says_whether_it_is_changed_and_what_saving_does(
    sign_in: SignIn, container: Container
) -> None:
    data = entered(compression_enabled=False, idle_timeout=5, reason="")
    answer = sign_in("operator").post(f"{path_of(container)}/validate", data=data, headers=HTMX).text
    notes = {part.partition('"')[0]: part.partition("</td>")[0] for part in answer.split('id="note-')[1:]}
    assert all(word in notes["compression_enabled"] for word in ("changed", "reconnects"))
    assert all(word in notes["idle_timeout"] for word in ("changed", "applied live"))
    assert "unchanged" in notes["reconnect_delay"]
    assert "<html" not in answer
    assert "configurations change web-1 idle_timeout=5 compression_enabled=off --reason=WHY" in answer


def test_a_change_needs_a_reason(sign_in: SignIn, world: World, container: Container) -> None:
    before = stored(world, container)
    answer = sign_in("operator").post(path_of(container), data=entered(idle_timeout=5, reason=" "))
    assert (answer.status_code, "This field is required" in answer.text) == (422, True)
    assert stored(world, container) == before


def test_what_changes_nothing_is_not_saved(sign_in: SignIn, world: World, container: Container) -> None:
    answer = sign_in("operator").post(path_of(container), data=entered(), follow_redirects=True)
    assert "Nothing is changed, so nothing was saved" in answer.text
    assert [each.number for each in revisions.of_container(world.session, container.id)] == [1]


def test_a_url_proposes_values_and_stores_nothing(
    sign_in: SignIn, world: World, container: Container
) -> None:
    before, operator = stored(world, container), sign_in("operator")
    page = operator.get(f"{path_of(container)}?idle_timeout=5&enable_metrics=off&reconnect_delay=x&id=1").text
    assert "Saving 2 changes is applied at once" in page
    assert (filled(page, "idle_timeout"), filled(page, "reconnect_delay")) == ("5", "1000")
    assert stored(world, container) == before


def test_two_who_edit_at_once_are_shown_both_and_lose_nothing(
    sign_in: SignIn, world: World, container: Container
) -> None:
    operator, admin, path = sign_in("operator"), sign_in("admin"), path_of(container)
    shown = {"base": "1", "began": "1"}
    theirs = entered(idle_timeout=70_000, reconnect_delay=200, reason="mine first", **shown)
    assert admin.post(path, data=theirs).status_code == 302
    mine = entered(idle_timeout=90_000, keep_alive_interval=5000, reason="slow net", **shown)
    told = operator.post(f"{path}/validate", data=mine, headers=HTMX).text
    assert "Revision 2" in told
    assert "“mine first”" in told
    answer = operator.post(path, data=mine)
    assert answer.status_code == 409
    page = " ".join(answer.text.split())
    assert "admin@example.com changed it from 60000 to 70000; yours is kept here" in page
    assert "admin@example.com changed it from 1000 to 200; taken over here" in page
    kept = [
        filled(page, name) for name in ("idle_timeout", "keep_alive_interval", "reconnect_delay", "reason")
    ]
    assert kept == ["90000", "5000", "200", "slow net"]
    assert (filled(page, "base"), filled(page, "began")) == ("2", "1")
    assert stored(world, container).idle_timeout == 70_000
    again = mine | {"base": "2", "reconnect_delay": 200}
    assert "yours is kept here" in operator.post(f"{path}/validate", data=again, headers=HTMX).text
    assert operator.post(path, data=again).status_code == 302
    now = stored(world, container)
    assert (now.idle_timeout, now.reconnect_delay, now.keep_alive_interval) == (90_000, 200, 5000)


@pytest.mark.parametrize("base", ["", "x", "-1", "9" * 40, "٣"])
def test_a_base_that_is_none_asks_for_nothing(sign_in: SignIn, container: Container, base: str) -> None:
    data = entered(idle_timeout=5, base=base, began=base)
    assert sign_in("operator").post(path_of(container), data=data).status_code == 302


def test_what_sql_changed_is_shown_before_it_is_taken_back(
    sign_in: SignIn, world: World, container: Container
) -> None:
    operator, data = sign_in("operator"), entered(reconnect_delay=7, base="1", began="1")
    container.configuration.idle_timeout = 4321
    world.session.commit()
    answer = operator.post(path_of(container), data=data)
    assert answer.status_code == 409
    assert "outside the console changed it from 60000 to 4321" in " ".join(answer.text.split())
    assert (
        operator.post(path_of(container), data=data | {"base": "2", "idle_timeout": 4321}).status_code == 302
    )
    now = stored(world, container)
    assert (now.idle_timeout, now.reconnect_delay) == (4321, 7)


def test_trying_writes_the_intent_and_keeps_what_is_edited(
    sign_in: SignIn, world: World, container: Container
) -> None:
    before, operator = stored(world, container), sign_in("operator")
    data = entered(idle_timeout=90_000, compression_enabled=False, reason="slow")
    answer = operator.post(f"{path_of(container)}/try", data=data)
    page = operator.get(answer.headers["Location"]).text
    assert (filled(page, "idle_timeout"), filled(page, "reason")) == ("90000", "slow")
    assert "Saving 2 changes reconnects" in page
    assert "waiting for a gateway" in page
    (trial,) = trials.of_container(world.session, container.id)
    assert (trial.changed, trial.requested_by) == (
        ["idle_timeout", "compression_enabled"],
        "operator@example.com",
    )
    assert stored(world, container) == before
    again = operator.post(f"{path_of(container)}/try", data=data, follow_redirects=True).text
    assert "A trial for this container is under way already" in again
    assert len(trials.of_container(world.session, container.id)) == 1


def test_what_breaks_a_rule_is_not_tried(sign_in: SignIn, world: World, container: Container) -> None:
    data = entered(reconnect_delay=0, reason="")
    answer = sign_in("operator").post(f"{path_of(container)}/try", data=data)
    assert (answer.status_code, "Nothing can be saved yet" in answer.text) == (422, True)
    assert not trials.of_container(world.session, container.id)
    assert sign_in("viewer").post(f"{path_of(container)}/try", data=entered()).status_code == 403


def test_the_outcome_of_a_trial_is_shown_with_what_to_do(
    sign_in: SignIn, world: World, container: Container
) -> None:
    trial = services.request(world.session, container, stored(world, container), TEST)
    found = {"protocol": "acp", "tls": {"version": "TLSv1.3", "subject": HOSTILE}}
    services.finish(
        world.session, trial, success=False, outcome=f"refused {HOSTILE}", advice="renew it", found=found
    )
    world.session.commit()
    page = sign_in("operator").get(path_of(container)).text
    assert "What to do: renew it" in page
    assert "TLSv1.3" in page
    assert HOSTILE not in page
