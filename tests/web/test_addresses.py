"""The console's quick `url_for` gives what Flask's gives."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask import url_for as quick
from werkzeug.routing import IntegerConverter, UUIDConverter

if TYPE_CHECKING:
    from werkzeug.routing import Rule

ONE, OTHER = uuid.uuid4(), uuid.uuid4()


def values_of(rule: Rule) -> dict[str, Any]:
    """Values for a route: an id or a number where it takes one, else words that have to be quoted."""
    made = {UUIDConverter: uuid.uuid4(), IntegerConverter: 7}
    return {name: made.get(type(each), "a b/ü") for name, each in rule._converters.items()}


@pytest.mark.parametrize("root", ["", "/console"])
def test_every_route_has_the_address_that_flask_gives(app: Flask, root: str) -> None:
    rules = [
        rule for rule in app.url_map.iter_rules() if not rule.websocket and "GET" in (rule.methods or ())
    ]
    assert len(rules) > 20
    with app.test_request_context("/", base_url=f"http://localhost{root}"):
        for _ in range(2):  # made, and from memory
            for rule in rules:
                values = values_of(rule)
                assert quick(rule.endpoint, **values) == Flask.url_for(app, rule.endpoint, **values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"before": ONE},
        {"before": OTHER},
        {"before": None},
        {"filter": "a {b} & ü"},
        {"before": ONE, "after": OTHER},
        {"before": ONE, "_anchor": "rows"},
        {"before": ONE, "_external": True},
    ],
)
def test_ids_in_a_query_and_all_else_are_as_with_flask(app: Flask, values: dict[str, Any]) -> None:
    with app.test_request_context("/"):
        assert quick("audit.index", **values) == Flask.url_for(app, "audit.index", **values)


def test_an_id_of_one_row_is_not_in_the_address_of_the_next(app: Flask) -> None:
    with app.test_request_context("/"):
        assert [quick("containers.show", container_id=each) for each in (ONE, OTHER)] == [
            f"/containers/{ONE}",
            f"/containers/{OTHER}",
        ]


def test_a_place_on_this_page_is_found_by_its_own_blueprint(app: Flask) -> None:
    for path, expected in (("/audit/", "/audit/"), ("/users/", "/users/")):
        with app.test_request_context(path):
            assert quick(".index") == expected
