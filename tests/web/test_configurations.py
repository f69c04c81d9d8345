from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from app.services.configurations import ATTEMPTS, MILLISECONDS, ConfigurationValues

if TYPE_CHECKING:
    from app.models import Container
    from tests.web.conftest import SignIn, World

HTMX = {"HX-Request": "true", "HX-Target": "configuration-checks"}


@pytest.fixture
def container(world: World) -> Container:
    return world.container()


def entered(**changed: object) -> dict[str, object]:
    """Return the form as a browser sends it: a box that is off is not there."""
    values = ConfigurationValues(encryption_level="none").as_dict() | changed
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
    assert "applies it at once" in operator.get(answer.headers["Location"]).text
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
