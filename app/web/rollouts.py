"""Rollouts: the list, and one of them with its waves, its limits and its containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from app.access import permission
from app.extensions import db
from app.protocol.rollout_states import PartState, RolloutState
from app.queries import rollout_containers, rollout_list
from app.queries import rollouts as queries
from app.queries.paging import Where
from app.queries.rollout_containers import PartFilter
from app.queries.rollout_list import RolloutFilter
from app.web import command_line, rollout_commands
from app.web.listing import Listing

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("rollouts", __name__)

STATES: Final = tuple(each.value for each in RolloutState)
PARTS: Final = tuple(each.value for each in PartState)


@bp.get("/rollouts")
@permission("read")
def index() -> ResponseReturnValue:
    """List them, narrowed and paged; the first page is live."""
    narrowed = RolloutFilter.of(request.args)
    listing = Listing("rollouts", narrowed, rollout_list.ORDERS)
    cli = rollout_commands.listed(listing)
    return render_template("rollouts/index.html", narrowed=narrowed, listing=listing, states=STATES, cli=cli)


@bp.get("/rollouts/<uuid:rollout_id>")
@permission("read")
def show(rollout_id: uuid.UUID) -> ResponseReturnValue:
    """Show one, live, with a page of its containers as the URL narrows them."""
    rollout = queries.get(db.session(), rollout_id)
    narrowed, where = PartFilter.of(request.args), Where.of(request.args, rollout_containers.ORDERS)
    place = [(name, value) for name in ("after", "before") if (value := request.args.get(name))]
    return render_template(
        "rollouts/show.html",
        rollout=rollout,
        plan=rollout.planned,
        narrowed=narrowed,
        where=where,
        query=urlencode([*narrowed.in_url(), *place]),
        waves=queries.waves(db.session(), rollout_id),
        states=PARTS,
        cli=command_line.command("rollouts", "show", str(rollout_id)),
    )
