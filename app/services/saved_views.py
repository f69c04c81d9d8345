"""Saved views: a list's filter and sort under a name, one's own or shared with all who read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from app.errors import Invalid, NotFound
from app.models import SavedView
from app.services import audit
from app.services.rules import enforced

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.services.actor import Actor

PAGES: Final[Mapping[str, frozenset[str]]] = {
    "containers": frozenset({"q", "status", "protocol", "owner", "label", "gateway", "only", "sort"}),
    "messages": frozenset({"filter"}),
    "protocol_migrations": frozenset(
        {"container", "outcome", "protocol", "actor", "cause", "since", "until", "sort"}
    ),
    "rollouts": frozenset({"text", "state", "protocol", "actor", "sort"}),
    "audit": frozenset({"actor", "action", "subject", "since", "until", "sort"}),
    "gateways": frozenset({"sort"}),
    "plot_notes": frozenset({"container", "kind", "about", "since", "until", "sort"}),
    "users": frozenset({"q", "role", "active", "sort"}),
    "connections": frozenset({"q", "status", "protocol", "by", "kind", "since", "until", "order"}),
    "configuration_revisions": frozenset({"container", "actor", "field", "since", "until", "bulk"}),
}
"""The lists that can be saved, by their blueprints, each with the parameters that make up a view of it."""

LONGEST_NAME: Final = 80
LONGEST_QUERY: Final = 2000
MOST_FIELDS: Final = 50


def clean(noun: str, query: str) -> str:
    """Return of a query what belongs to a list's view: not the place in it, and nothing of another page.

    Raises:
        NotFound: there is no such list.
        Invalid: it is too long.
    """
    allowed = pages(noun)
    try:
        given = parse_qsl(query, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Invalid("query", f"at most {MOST_FIELDS} conditions") from error
    cleaned = urlencode([(name, value) for name, value in given if name in allowed and "\0" not in value])
    if len(cleaned) > LONGEST_QUERY:
        raise Invalid("query", f"at most {LONGEST_QUERY} characters; this filter is too long to be saved")
    return cleaned


def pages(noun: str) -> frozenset[str]:
    """Return a list's parameters.

    Raises:
        NotFound: there is no such list.
    """
    if noun not in PAGES:
        raise NotFound(f"there is no list {noun!r}")
    return PAGES[noun]


def save(
    session: Session, owner_id: uuid.UUID, actor: Actor, *, noun: str, name: str, query: str, shared: bool
) -> SavedView:
    """Keep a view.

    Raises:
        Conflict: the owner has one of this name for this list.
        Invalid, NotFound: as `clean` does, or there is no name.
    """
    view = SavedView(owner_id=owner_id, noun=noun, name=_name(name), query=clean(noun, query), shared=shared)
    with enforced(session):
        session.add(view)
        session.flush()
    audit.record(session, actor, "view saved", ("saved_view", view.id), after=_shown(view))
    return view


def change(session: Session, view: SavedView, name: str, actor: Actor, *, shared: bool) -> None:
    """Give a view another name, share it or keep it for oneself.

    Raises:
        Conflict: the owner has one of this name for this list.
        Invalid: there is no name.
    """
    before = _shown(view)
    with enforced(session):
        view.name, view.shared = _name(name), shared
        session.flush()
    audit.record(session, actor, "view changed", ("saved_view", view.id), before=before, after=_shown(view))


def remove(session: Session, view: SavedView, actor: Actor) -> None:
    """Remove a view."""
    audit.record(session, actor, "view removed", ("saved_view", view.id), before=_shown(view))
    session.delete(view)
    session.flush()


def _name(name: str) -> str:
    stripped = " ".join(name.split())
    if not 0 < len(stripped) <= LONGEST_NAME:
        raise Invalid("name", f"1 to {LONGEST_NAME} characters")
    return stripped


def _shown(view: SavedView) -> dict[str, object]:
    return {"noun": view.noun, "name": view.name, "query": view.query, "shared": view.shared}
