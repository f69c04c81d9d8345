"""Flask as the console uses it: what a page of fifty rows asks for a hundred times is made quick here."""

from __future__ import annotations

import uuid
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask import Flask, request
from flask.ctx import has_request_context
from flask.templating import Environment

if TYPE_CHECKING:
    from collections.abc import MutableMapping


MOST_WORDED: Final = 2000
"""Addresses with words in them that are kept: those of filters, and of pages beside one."""
LONGEST: Final = 200
"""Characters of the words of one that is kept."""


class Templates(Environment):
    """Jinja's environment, but a template's globals are a plain dict.

    Jinja chains them to the environment's, and every macro that a row imports then goes through the chain in
    Python: a fifth of a list's time. So globals have to be added before the first template is loaded.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}


class _Form(NamedTuple):
    """What decides an address but for its ids: where the console stands, the route, and the ids' names."""

    root: str
    endpoint: str
    names: tuple[str, ...]


class Console(Flask):
    """The application; its `url_for` works out the address of a file, or of ids, once.

    A page names two dozen files. They do not change while the console runs. Addresses with a few words in
    them, such as a filter's, are kept as well.
    """

    jinja_environment = Templates

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._forms: dict[_Form, str] = {}
        self._addresses: dict[tuple[Any, ...], str] = {}
        self._files: dict[tuple[str, str], str] = {}

    def url_for(self, /, endpoint: str, **values: Any) -> str:
        """Return what Flask's does."""
        if endpoint == "static" and has_request_context() and values.keys() == {"filename"}:
            return self._file(request.script_root, values["filename"])
        if not has_request_context() or endpoint.startswith("."):
            return super().url_for(endpoint, **values)
        if not _are_ids(values):
            return (
                self._worded(endpoint, values) if _are_words(values) else super().url_for(endpoint, **values)
            )
        form = _Form(request.script_root, endpoint, tuple(values))
        pattern = self._forms.get(form)
        if pattern is None:
            pattern = self._forms[form] = self._pattern(endpoint, form.names)
        return pattern.format_map(values)

    def _worded(self, endpoint: str, values: dict[str, Any]) -> str:
        said = (request.script_root, endpoint, tuple(values.items()))
        address = self._addresses.get(said)
        if address is None:
            if len(self._addresses) >= MOST_WORDED:
                self._addresses.clear()
            address = self._addresses[said] = super().url_for(endpoint, **values)
        return address

    def _file(self, root: str, name: str) -> str:
        address = self._files.get((root, name))
        if address is None:
            address = self._files[root, name] = super().url_for("static", filename=name)
        return address

    def _pattern(self, endpoint: str, names: tuple[str, ...]) -> str:
        """Make an address with places for ids; there are as many as routes with ids."""
        places: dict[str, Any] = {name: uuid.uuid4() for name in names}
        address = super().url_for(endpoint, **places).replace("{", "{{").replace("}", "}}")
        for name, place in places.items():
            address = address.replace(str(place), f"{{{name}}}")
        return address


def _are_words(values: dict[str, Any]) -> bool:
    """Tell whether they are short, and mean the same at each request."""
    words = [value for value in values.values() if type(value) is str]
    others = {type(value) for value in values.values()} - {str, uuid.UUID, NoneType}
    special = any(name.startswith("_") and name != "_anchor" for name in values)
    return not others and not special and sum(map(len, words)) < LONGEST


def _are_ids(values: dict[str, Any]) -> bool:
    # An id is written in an address as it is; whatever else there is, Flask quotes.
    return all(type(value) is uuid.UUID for value in values.values())
