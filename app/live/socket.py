"""The live sockets, a route a page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from flask import Blueprint, current_app, request
from flask_login import current_user

from app.access import permission
from app.errors import Invalid, NotFound
from app.extensions import db, sock
from app.live.figures import Gateways, Overview, Statistics, Stuck
from app.live.hub import TooManyViewers
from app.live.lists import Connections, Containers, Migrations, Revisions, Sessions
from app.live.rollouts import RolloutPage, Rollouts
from app.live.searches import Search
from app.live.subjects import Configuration, Conversation, FleetAction, Message, Migration, MigrationStart
from app.live.timelines import ConnectionTimeline, ContainerTimeline
from app.live.transport import prepare
from app.live.viewer import CONFUSED, GONE, TOO_MANY, Viewer
from app.queries import configuration_revisions, connection_filter, rollout_containers, rollout_list
from app.queries.configuration_revisions import RevisionFilter
from app.queries.connection_filter import ConnectionFilter
from app.queries.fleet_sessions import SessionFilter
from app.queries.gateways import sort_of
from app.queries.message_filter import parse
from app.queries.paging import Where
from app.queries.protocol_migrations import ORDERS, MigrationFilter, check
from app.queries.rollout_containers import PartFilter
from app.queries.rollout_list import RolloutFilter
from app.queries.statistics_view import View
from app.queries.stuck import kind_of
from app.services.configurations import LABELS

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Collection, Hashable

    from simple_websocket import Server

    from app.live.channels import Channel
    from app.live.fragments import Parameters

Handler = TypeVar("Handler", bound="Callable[..., None]")

bp = Blueprint("live", __name__, url_prefix="/live")
bp.before_request(prepare)


def live(path: str) -> Callable[[Handler], Handler]:
    """Serve a live socket at a path, to those who may read."""

    def route(handler: Handler) -> Handler:
        sock.route(path, bp=bp)(permission("read")(handler))
        return handler

    return route


@live("/containers")
def containers(socket: Server) -> None:
    _watch(socket, "containers", Containers)


@live("/overview")
def overview(socket: Server) -> None:
    _watch(socket, "overview", Overview)


@live("/stuck")
def stuck(socket: Server) -> None:
    kind = kind_of(request.args.get("kind", ""))
    _watch(socket, ("stuck", kind), lambda: Stuck(kind))


@live("/gateways")
def gateways(socket: Server) -> None:
    sort = sort_of(request.args.get("sort", ""))
    _watch(socket, ("gateways", sort), lambda: Gateways(sort))


@live("/protocol-migrations")
def protocol_migrations(socket: Server) -> None:
    narrowed = MigrationFilter.of(request.args)
    where = replace(Where.of(request.args, ORDERS), after=None, before=None)
    try:
        check(narrowed)
    except Invalid:
        CONFUSED.say(socket)
        return
    _watch(socket, ("protocol-migrations", narrowed, where), lambda: Migrations(narrowed, where))


@live("/protocol-migrations/<uuid:migration_id>")
def protocol_migration(socket: Server, migration_id: uuid.UUID) -> None:
    _watch(socket, ("protocol-migration", migration_id), lambda: Migration(migration_id))


@live("/containers/<uuid:container_id>/protocol-migrations")
def migration_start(socket: Server, container_id: uuid.UUID) -> None:
    _watch(socket, ("migration-start", container_id), lambda: MigrationStart(container_id))


@live("/rollouts")
def rollouts(socket: Server) -> None:
    narrowed = RolloutFilter.of(request.args)
    where = replace(Where.of(request.args, rollout_list.ORDERS), after=None, before=None)
    _watch(socket, ("rollouts", narrowed, where), lambda: Rollouts(narrowed, where))


@live("/rollouts/<uuid:rollout_id>")
def rollout(socket: Server, rollout_id: uuid.UUID) -> None:
    narrowed, where = PartFilter.of(request.args), Where.of(request.args, rollout_containers.ORDERS)
    topic = ("rollout", rollout_id, narrowed, where)
    try:
        _watch(socket, topic, lambda: RolloutPage(rollout_id, narrowed, where))
    except Invalid:
        CONFUSED.say(socket)


@live("/connections")
def connections(socket: Server) -> None:
    narrowed, query = ConnectionFilter.of(request.args), _said(connection_filter.PARAMETERS)
    order = request.args.get("order", "")
    _watch(socket, ("connections", query), lambda: Connections(narrowed, order, query))


@live("/configurations")
def revisions(socket: Server) -> None:
    narrowed, query = RevisionFilter.of(request.args, LABELS), _said(configuration_revisions.PARAMETERS)
    _watch(socket, ("revisions", query), lambda: Revisions(narrowed, query))


def _said(names: Collection[str]) -> Parameters:
    """Return of the address what a list's links carry on, in its order."""
    return tuple((name, value) for name, value in request.args.items() if name in names and value)


@live("/sessions")
def sessions(socket: Server) -> None:
    narrowed = SessionFilter.read(request.args.get("container"), request.args.get("open"))
    _watch(socket, ("sessions", narrowed), lambda: Sessions(narrowed))


@live("/statistics")
def statistics(socket: Server) -> None:
    try:
        view = View.read(request.args)
    except Invalid:
        CONFUSED.say(socket)
        return
    _watch(socket, ("statistics", view), lambda: Statistics(view))


@live("/messages")
def messages(socket: Server) -> None:
    try:
        terms = parse(request.args.get("filter", ""))
    except Invalid:
        CONFUSED.say(socket)
        return
    _watch(socket, ("messages", terms), lambda: Search(terms))


@live("/containers/<uuid:container_id>")
def container(socket: Server, container_id: uuid.UUID) -> None:
    _watch(socket, ("container", container_id), lambda: ContainerTimeline(container_id))


@live("/containers/<uuid:container_id>/sessions/<path:session_id>")
def session(socket: Server, container_id: uuid.UUID, session_id: str) -> None:
    view = "waterfall" if request.args.get("view") == "waterfall" else ""
    topic = ("session", container_id, session_id, view)
    _watch(socket, topic, lambda: Conversation(container_id, session_id, view))


@live("/containers/<uuid:container_id>/configuration")
def configuration(socket: Server, container_id: uuid.UUID) -> None:
    _watch(socket, ("configuration", container_id), lambda: Configuration(container_id))


@live("/fleet-actions/<uuid:fleet_action_id>")
def fleet_action(socket: Server, fleet_action_id: uuid.UUID) -> None:
    _watch(socket, ("fleet-action", fleet_action_id), lambda: FleetAction(fleet_action_id))


@live("/connections/<uuid:connection_id>")
def connection(socket: Server, connection_id: uuid.UUID) -> None:
    _watch(socket, ("connection", connection_id), lambda: ConnectionTimeline(connection_id))


@live("/messages/<uuid:message_id>")
def message(socket: Server, message_id: uuid.UUID) -> None:
    _watch(socket, ("message", message_id), lambda: Message(message_id))


def _watch(socket: Server, topic: Hashable, make: Callable[[], Channel]) -> None:
    viewer = Viewer(current_user.fs_uniquifier)
    try:
        with current_app.extensions["live"].watching(topic, make, viewer) as channel:
            db.session.remove()  # the connection goes back to the pool: a socket may live for days
            viewer.serve(socket, channel)
    except TooManyViewers:
        TOO_MANY.say(socket)
    except NotFound:
        GONE.say(socket)
    finally:
        socket.sock.end()
