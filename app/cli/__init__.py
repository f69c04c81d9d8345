"""The command line: `flask --app wsgi …`, with the powers of the pages through the same services."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from app.cli.audit import audit
from app.cli.configurations import configurations
from app.cli.connections import connections
from app.cli.containers import containers
from app.cli.explain import explain
from app.cli.gateway import gateway
from app.cli.gateways import gateways
from app.cli.group import ConsoleGroup
from app.cli.incidents import incidents
from app.cli.migrations import migrations
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


class DemoGroup(ConsoleGroup):
    """The commands of `app.cli.demo`, imported when they are asked for.

    They bring the official SDK, whose models take half a second and 17 MB; no other process needs them.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._loaded().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._loaded().get_command(ctx, cmd_name)

    @staticmethod
    def _loaded() -> click.Group:
        group: click.Group = import_module("app.cli.demo").demo
        return group


demo = DemoGroup("demo", help="Run a fleet of containers to try the console with.")

COMMANDS = (
    *(serve, gateway, gateways, demo, overview, containers, connections, configurations),
    *(migrations, prompts, tokens, users, audit, explain, incidents, statistics, rollouts),
)


def register(app: Flask) -> None:
    """Add our commands to those of Flask and its extensions."""
    for command in COMMANDS:
        app.cli.add_command(command)
    app.cli.add_command(migrations, "protocol-migrations")  # as it was called first
