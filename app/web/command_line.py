"""The same on the command line: what a page's filter or button would be as a command to copy."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.web.listing import Listing

PROGRAM: Final = ("flask", "--app", "wsgi")
OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {"containers": {"q": "search"}, "users": {"q": "search"}}
"""Parameters that are called differently on the command line."""


def command(*words: str) -> str:
    """Write a command, each word quoted for a shell where it must be."""
    return shlex.join([*PROGRAM, *words])


def containers(listing: Listing) -> str:
    """Return the command that lists the same containers in the same order."""
    return listed("containers", listing)


def listed(group: str, listing: Listing) -> str:
    """Return a group's command `list` with the options that a list's URL amounts to."""
    sort = [("sort", listing.sort)] if listing.sort else []
    names = OPTIONS.get(group, {})
    return command(group, "list", *options([*listing.narrowed, *sort], names))


def options(given: Iterable[tuple[str, str]], names: Mapping[str, str]) -> Iterable[str]:
    """Write parameters of a URL as options; `names` has those that are called differently there.

    As one word each: a value that begins with a dash is no option.
    """
    return (f"--{names.get(name, name)}={value}" for name, value in given)


def fleet_action(kind: str, choose: str, carried: Iterable[tuple[str, str]]) -> str | None:
    """Return the command that asks it of all that a filter finds; None for containers chosen by hand."""
    if choose != "all":
        return None
    narrowed = [(name, value) for name, value in carried if name not in {"kind", "choose"}]
    why = "--reason=WHY"
    return command("containers", "all", kind, *options(narrowed, OPTIONS["containers"]), why)
