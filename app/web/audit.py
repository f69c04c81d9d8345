"""The audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, request

from app.access import permission
from app.extensions import db
from app.live import recent
from app.live.lines import looked_up
from app.queries import audit as queries
from app.web import command_line, reading
from app.web.frames import framed
from app.web.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask.typing import ResponseReturnValue
    from markupsafe import Markup

    from app.models import AuditEvent
    from app.queries.audit import EventKey

ACTIONS_KEPT_FOR: Final = 10.0
"""Seconds after which a filter offers an action that the trail has for the first time."""

bp = Blueprint("audit", __name__, url_prefix="/audit")


@bp.get("/")
@permission("read")
@reading.alone
def index() -> ResponseReturnValue:
    """Show who changed or tried what, the newest first."""
    session, narrowed = db.session(), queries.AuditFilter.of(request.args)
    listing = Listing("audit", narrowed, queries.ORDERS)
    page = queries.keys(session, narrowed, listing.where)
    actions = recent.figures("actions in the trail", lambda: queries.actions(session), ACTIONS_KEPT_FOR)
    return framed(
        "audit/index.html",
        {"rows": _lines(page.rows), "pages": listing.pages(page)},
        found=bool(page.rows),
        narrowed=narrowed,
        listing=listing,
        actions=tuple(actions),
        cli=command_line.listed("audit", listing),
    )


def _lines(keys: Sequence[EventKey]) -> Markup:
    def load(missing: Sequence[EventKey]) -> Mapping[EventKey, Mapping[str, AuditEvent | str | None]]:
        events = {each.id: each for each in queries.of_ids(db.session(), [key.id for key in missing])}
        return {key: {"event": events[key.id], "name": key.name} for key in missing}

    return looked_up("audit/_event.html", keys, load)
