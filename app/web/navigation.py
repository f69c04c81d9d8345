"""What the menu leads to, in its order: adding a page to it is adding a line.

The keys that lead there (`g c`) come of themselves: a page's is the first letter of its label that none
before it has taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flask import request

from app.web.filters import may

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.access import Permission


class Place(NamedTuple):
    """An entry: where it leads, its name, the permission without which it is not shown, and its group."""

    endpoint: str
    label: str
    needs: Permission = "read"
    group: str = "Watch"

    @property
    def current(self) -> bool:
        """Whether the page that is shown belongs to it: to the same blueprint."""
        return request.blueprint == self.endpoint.partition(".")[0]

    @property
    def key(self) -> str:
        """The letter that leads here after a `g`."""
        return KEYS[self.endpoint]


GROUPS: Final = ("Watch", "Change", "Look back", "Console")
"""The menu's headings in their order: what goes on, what is to be changed, what was, what it runs on."""

PLACES: Final = (
    Place("overview.index", "Overview"),
    Place("containers.index", "Containers"),
    Place("connections.index", "Connections"),
    Place("messages.index", "Messages"),
    Place("fleet_sessions.index", "Sessions"),
    Place("statistics.index", "Statistics"),
    Place("protocol_migrations.index", "Protocol migrations", group="Change"),
    Place("rollouts.index", "Rollouts", group="Change"),
    Place("configuration_revisions.index", "Configurations", group="Change"),
    Place("audit.index", "Audit", group="Look back"),
    Place("incidents.index", "Incidents", group="Look back"),
    Place("plot_notes.index", "Plot notes", group="Look back"),
    Place("explanations.index", "Explanations", group="Look back"),
    Place("gateways.index", "Gateways", group="Console"),
    Place("users.index", "Users", "manage", group="Console"),
)


def _keys() -> Mapping[str, str]:
    taken: dict[str, str] = {}
    for place in PLACES:
        letters = (letter for letter in place.label.lower() if letter.isalpha() and letter not in taken)
        taken[next(letters)] = place.endpoint
    return {endpoint: letter for letter, endpoint in taken.items()}


KEYS: Final = _keys()


def places() -> list[Place]:
    """Return the entries for the person who is signed in."""
    return [place for place in PLACES if may(place.needs)]


def menu() -> list[tuple[str, list[Place]]]:
    """Return the same by group, without the groups that are empty for them."""
    shown = places()
    grouped = [(group, [place for place in shown if place.group == group]) for group in GROUPS]
    return [(group, found) for group, found in grouped if found]
