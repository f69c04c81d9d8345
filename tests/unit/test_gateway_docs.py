"""docs/gateway.md mentions what there is: an operator finds every setting, field, reason and metric in it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app.config import variables
from app.gateway.metrics import Metrics
from app.protocol.endings import CLOSE_CODES, Ending
from app.protocol.liveness import Loss
from app.protocol.reasons import Reason
from app.protocol.states import ConnectionStatus
from app.services.configurations import ConfigurationValues

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()


def table_of_reasons() -> str:
    """Draw the table between the page's two marks."""
    rows = [f"| `{each.sentence}` | {each.advice} |" for each in Reason]
    return "\n".join(["| reason | what to do |", "|---|---|", *rows])


def test_the_reasons_of_failed_dials_are_drawn_from_their_table() -> None:
    drawn = re.search(r"<!-- reasons:[^>]*-->\n(.*?)<!-- /reasons -->", PAGE, re.DOTALL)
    assert drawn is not None
    assert drawn[1].strip() == table_of_reasons()  # where it is not, put there what this message shows


@pytest.mark.parametrize("name", [variable.name for variable in variables().values()])
def test_every_setting_is_mentioned(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", [each.name for each in fields(ConfigurationValues)])
def test_every_field_of_a_configuration_is_explained(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("field", fields(ConfigurationValues), ids=lambda each: each.name)
def test_the_defaults_are_the_model_s(field: object) -> None:
    default = str(field.default).lower()  # type: ignore[attr-defined]
    assert f"| `{field.name}` | {default} |" in PAGE  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", ConnectionStatus)
def test_every_status_is_explained(status: str) -> None:
    assert f"| `{status}` |" in PAGE


def drawn(name: str) -> str:
    """Read what stands between two marks of the page."""
    found = re.search(rf"<!-- {name}:[^>]*-->\n(.*?)<!-- /{name} -->", PAGE, re.DOTALL)
    assert found is not None
    return found[1].strip()


def test_the_ends_of_connections_are_drawn_from_their_table() -> None:
    rows = [f"| `{e.sentence}` | {e.by} | {e.code or ''} | {e.meaning} | {e.advice} |" for e in Ending]
    head = ["| reason | by | code | what it means | what to do |", "|---|---|---|---|---|"]
    assert drawn("endings") == "\n".join([*head, *rows])


def test_the_close_codes_are_drawn_from_their_table() -> None:
    rows = [f"| {code} | {each.meaning} | {each.advice} |" for code, each in CLOSE_CODES.items()]
    assert drawn("codes") == "\n".join(
        ["| code | what it means | what to make of it |", "|---|---|---|", *rows]
    )


@pytest.mark.parametrize("loss", Loss)
def test_every_verdict_of_keep_alive_has_its_end(loss: Loss) -> None:
    assert Ending[loss.name].code in CLOSE_CODES


@pytest.mark.parametrize("metric", list(Metrics().registry.collect()), ids=lambda each: each.name)
def test_every_metric_is_mentioned(metric: object) -> None:
    assert re.search(rf"`{metric.name}(_total)?`", PAGE)  # type: ignore[attr-defined]
