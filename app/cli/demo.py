"""`flask demo`: a fleet of containers to try the console with, registered with it and kept busy."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from flask import current_app

from app.cli.group import ConsoleGroup
from app.demo.fleet import FLEET
from app.demo.server import serve
from app.demo.traffic import play
from app.errors import BadSetting, NotFound
from app.extensions import db
from app.queries import containers as queries
from app.services import containers, tokens
from app.services.actor import Actor
from app.services.containers import ContainerValues

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from sqlalchemy.orm import Session

    from app.config import Settings
    from app.demo.fleet import Behaviour

ACTOR = Actor("demo fleet")
OWNER = "demo"  # of what this command has registered and may change again
IMAGE = "lumilink/demo-agent"
TOKEN_NAME = "demo traffic"  # noqa: S105 - a name, not a token


@click.group(cls=ConsoleGroup)
def demo() -> None:
    """Run a fleet of containers to try the console with."""


@demo.command("run")
@click.option("--no-register", is_flag=True, help="Serve the fleet without telling the console of it.")
@click.option("--quiet", is_flag=True, help="Send the containers no prompts.")
def run(*, no_register: bool, quiet: bool) -> None:
    """Serve the demo fleet until SIGTERM or Ctrl-C."""
    asyncio.run(_run(current_app.extensions["settings"], registers=not no_register, prompts=not quiet))


async def _run(settings: Settings, *, registers: bool, prompts: bool) -> None:
    async with AsyncExitStack() as stack:
        try:
            url = await stack.enter_async_context(serve(settings.demo_bind))
        except OSError as error:
            problem = f"nothing can be served at {settings.demo_bind}: {error.strerror}"
            raise BadSetting("CONSOLE_DEMO_BIND", problem) from error
        if registers:
            enrol(db.session(), url)
        work = [play(settings.gateway_url, fresh_token(db.session()), list(FLEET))] if prompts else []
        db.session.remove()
        click.echo(f"Demo fleet: {url}")
        await _until_signal(*work)


def enrol(session: Session, url: str) -> None:
    """Register the fleet's containers, or point those of an earlier run to this one's URL, and commit."""
    for behaviour in FLEET.values():
        _enrol_one(session, behaviour, f"{url}/{behaviour.name}")
    session.commit()


def _enrol_one(session: Session, behaviour: Behaviour, endpoint_url: str) -> None:
    try:
        known = queries.get(session, behaviour.name)
    except NotFound:
        containers.register(session, _values(behaviour, endpoint_url), ACTOR)
        return
    if known.owner != OWNER:
        click.echo(f"{known.name}: a container of this name is not the demo's, and is left alone", err=True)
    elif known.endpoint_url != endpoint_url:
        moved = replace(ContainerValues.of(known), endpoint_url=endpoint_url)
        containers.update(session, known, moved, ACTOR)


def _values(behaviour: Behaviour, endpoint_url: str) -> ContainerValues:
    return ContainerValues(
        name=behaviour.name,
        endpoint_url=endpoint_url,
        supported_protocols=behaviour.protocols,
        preferred_protocol=behaviour.preferred,
        image=IMAGE,
        owner=OWNER,
        labels={**behaviour.labels, "about": behaviour.words},
    )


def fresh_token(session: Session) -> str:
    """Make this run's token for the gateway, commit, and return it; an earlier run's is revoked."""
    with suppress(NotFound):
        tokens.revoke(session, TOKEN_NAME, ACTOR)
    token = tokens.create(session, TOKEN_NAME, ACTOR)
    session.commit()
    return token


async def _until_signal(*work: Coroutine[Any, Any, None]) -> None:
    """Do the work until a signal asks to stop; work that ends by itself has failed, and says how."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(each) for each in (stop.wait(), *work)]
    done, running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for task in done:
        task.result()
