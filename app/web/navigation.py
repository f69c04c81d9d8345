"""What the menu leads to, in its order: adding a page to it is adding a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from flask import request

from app.web.filters import may

if TYPE_CHECKING:
    from app.access import Permission


class Place(NamedTuple):
    """An entry: where it leads, what it is called, and the permission without which it is not shown."""

    endpoint: str
    label: str
    needs: Permission = "read"

    @property
    def current(self) -> bool:
        """Whether the page that is shown belongs to it: to the same blueprint."""
        return request.blueprint == self.endpoint.partition(".")[0]


PLACES: Final = (
    Place("containers.index", "Containers"),
    Place("messages.index", "Messages"),
    Place("protocol_migrations.index", "Protocol migrations"),
    Place("configuration_revisions.index", "Configuration revisions"),
    Place("gateways.index", "Gateways"),
    Place("audit.index", "Audit"),
    Place("users.index", "Users", "manage"),
)


def places() -> list[Place]:
    """Return the entries for the person who is signed in."""
    return [place for place in PLACES if may(place.needs)]
