"""`flask gateway`: the process that holds the connections and serves callers."""

from __future__ import annotations

import asyncio
import logging

import click
from flask import current_app

from app.cli.group import ConsoleGroup
from app.errors import BadSetting
from app.gateway import memory
from app.gateway import run as process


def _say_started(address: str) -> None:
    click.echo(f"Gateway: ws://{address}/acp/<container>")


@click.group(cls=ConsoleGroup)
def gateway() -> None:
    """Hold the connections to containers and serve their callers."""


@gateway.command("run")
def run() -> None:
    """Run a gateway until SIGTERM or Ctrl-C."""
    settings = current_app.extensions["settings"]
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A line for every health check and caller otherwise, and at DEBUG the headers of all, secrets included.
    for chatty in ("httpx", "httpcore", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    url = current_app.extensions["database"].url()
    memory.give_back()
    memory.spare_the_bulk()
    try:
        asyncio.run(process.until_signal(settings, url, _say_started))
    except OSError as error:
        problem = f"callers cannot be served at {settings.gateway_bind}: {error.strerror}"
        raise BadSetting("CONSOLE_GATEWAY_BIND", problem) from error
