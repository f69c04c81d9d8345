"""The command line: `flask --app wsgi …`, with the powers of the pages through the same services."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from app.cli.audit import audit
from app.cli.configurations import configurations
from app.cli.connections import connections
from app.cli.containers import containers
from app.cli.explain import explain
from app.cli.gateways import gateways
from app.cli.group import ConsoleGroup
from app.cli.incidents import incidents
from app.cli.migrations import migrations
from app.cli.notes import notes
from app.cli.overview import overview
from app.cli.prompts import prompts
from app.cli.rollouts import rollouts
from app.cli.serve import serve
from app.cli.statistics import statistics
from app.cli.tokens import tokens
from app.cli.users import users

if TYPE_CHECKING:
    import click
    from flask import Flask


class LateGroup(ConsoleGroup):
    """The commands of a module of ours, imported when they are asked for, for no other process needs it.

    The gateway's takes 0.15 s; the demo's brings the official SDK, whose models take half a second and 17 MB.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._loaded().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._loaded().get_command(ctx, cmd_name)

    def _loaded(self) -> click.Group:
        group: click.Group = getattr(import_module(f"app.cli.{self.name}"), str(self.name))
        return group


demo = LateGroup("demo", help="Run a fleet of containers to try the console with.")
gateway = LateGroup("gateway", help="Hold the connections to containers and serve their callers.")

COMMANDS = (
    *(serve, gateway, gateways, demo, overview, containers, connections, configurations),
    *(migrations, prompts, tokens, users, audit, explain, incidents, notes, statistics, rollouts),
)


def register(app: Flask) -> None:
    """Add our commands to those of Flask and its extensions."""
    for command in COMMANDS:
        app.cli.add_command(command)
    app.cli.add_command(migrations, "protocol-migrations")  # as it was called first
