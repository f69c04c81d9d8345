"""What the command line can say of a container, to add it or to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from app.errors import Invalid
from app.protocol.states import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def described(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a container, under the names of ContainerValues; None: not given."""
    options = (
        click.option("--protocols", "supported_protocols", help="What it speaks: http, acp or http,acp."),
        click.option(
            "--prefer", "preferred_protocol", help="The protocol to prefer; at first http, or the only one."
        ),
        click.option("--path", "acp_path", help="Where it serves ACP under its URL; at first /acp."),
        click.option("--image", help="The image it runs."),
        click.option("--owner", help="Whose it is."),
        click.option(
            "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label; repeat it for all labels."
        ),
        click.option("--credential", help="A reference to its credential, env:NAME or file:NAME; '': none."),
        click.option("--status", help="running, or stopped: then it is not dialled."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def given_values(options: dict[str, Any]) -> dict[str, Any]:
    """Return the values that options were given for, by the names of ContainerValues."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if "supported_protocols" in given:
        words = given["supported_protocols"].split(",")
        given["supported_protocols"] = tuple(word.strip() for word in words if word.strip())
    if "labels" in given:
        given["labels"] = dict(_label(each) for each in given["labels"])
    if "credential" in given:
        given["credential"] = given["credential"] or None
    return given


def preferred_of(supported: Sequence[str]) -> str:
    """Return the protocol that is preferred where nobody has said so."""
    return Protocol.HTTP if Protocol.HTTP in supported else "".join(supported[:1])


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise Invalid("label", f"{text!r} is not KEY=VALUE")
    return key, value
