"""A list as its page's URL describes it: filter, sort and place. Templates take their links from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from flask import current_app, request, url_for

from app.live.lines import looked_up
from app.queries.paging import Where

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from markupsafe import Markup

    from app.queries.paging import Order, Page


class Filters(Protocol):
    """A form whose fields narrow a list."""

    def in_url(self) -> Sequence[tuple[str, str]]:
        """Return what narrows the list as parameters of a URL."""


def filters(template: str, said: Hashable, **about: Any) -> Markup:
    """Render the fields of a filter: they are kept by what they say, on which alone they depend."""
    return looked_up(template, [said], lambda _: {said: about})


class Listing:
    """Built once a request. `noun` is the blueprint of the list, its page is called `index`.

    `place` is what the address of that page has before the question mark.
    """

    def __init__(self, noun: str, filters: Filters, orders: Mapping[str, Order], **place: Any) -> None:
        self.noun = noun
        self.where = Where.of(request.args, orders)
        self._orders = orders
        self._path = url_for(f"{noun}.index", **place)
        self.narrowed = tuple(filters.in_url())
        self._said = (self._path, self.where, self.narrowed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listing) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)

    @property
    def sort(self) -> str:
        """The URL's word for the order, empty for the list's own."""
        word = self.where.word(self._orders)
        return "" if word == next(iter(self._orders)) else word

    @property
    def query(self) -> str:
        """What stands after the question mark but for the place in the list: what a saved view keeps."""
        return urlencode([*self.narrowed, *self._sorted(self.sort)])

    @property
    def begun(self) -> bool:
        """Whether the page is the list's first."""
        return self.where.after is None and self.where.before is None

    @property
    def first(self) -> str:
        """The address of the first page."""
        return self._href(self.sort)

    def after(self, cursor: str) -> str:
        """Return the address of the page that follows."""
        return self._href(self.sort, ("after", cursor))

    def before(self, cursor: str) -> str:
        """Return the address of the page that comes before."""
        return self._href(self.sort, ("before", cursor))

    def pages(self, page: Page[Any]) -> Markup:
        """Render the links to the pages beside one."""
        macros: Any = current_app.jinja_env.get_template("layouts/_list.html").module
        links: Markup = macros.pages(self, page)
        return links

    def by(self, name: str) -> str:
        """Return the address of the list in another order, or in this one the other way."""
        falls = self._orders[name].falls
        if name == self.where.sort:
            falls = not self.where.falls
        return self._href(Where(name, falls).word(self._orders))

    def way(self, name: str) -> str:
        """Return how the list goes by a column, in the words of `aria-sort`."""
        if name != self.where.sort:
            return "none"
        return "descending" if self.where.falls else "ascending"

    def _sorted(self, word: str) -> Sequence[tuple[str, str]]:
        return [("sort", word)] if word else []

    def _href(self, word: str, *place: tuple[str, str]) -> str:
        query = urlencode([*self.narrowed, *self._sorted(word), *place])
        return f"{self._path}?{query}" if query else self._path
