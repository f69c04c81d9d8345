"""The options that narrow a list of containers: the same conditions as on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from app.cli.group import one_of
from app.protocol.states import ConnectionStatus, Protocol
from app.queries.container_filter import NEVER, ContainerFilter, Only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Command = TypeVar("Command", bound="Callable[..., None]")

STATUSES: Final = (*(each.value for each in ConnectionStatus), NEVER)
PROTOCOLS: Final = tuple(each.value for each in Protocol)

_OPTIONS: Final = (
    click.option("--search", default="", help="Words in name, image or owner, and labels as name=value."),
    click.option("--protocol", default="", type=click.Choice(["", *PROTOCOLS]), help="On this protocol now."),
    click.option("--status", default="", type=click.Choice(["", *STATUSES]), help="In this status."),
    click.option("--owner", default="", help="Of this owner."),
    click.option("--label", default="", help="With this label: a name, or name=value."),
    click.option("--gateway", default="", help="Held by the gateway at this address."),
    click.option(
        "--only",
        multiple=True,
        type=one_of(Only),
        help="A further condition; several are combined.",
    ),
)


def narrowing(command: Command) -> Command:
    """Add the options to a command, which hands them to `narrowed_by`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def narrowed_by(options: Mapping[str, Any]) -> ContainerFilter:
    """Return the filter that the options ask for."""
    given = {name: value for name, value in options.items() if name not in {"search", "only"}}
    return ContainerFilter(text=options["search"], only=frozenset(map(Only, options["only"])), **given)
