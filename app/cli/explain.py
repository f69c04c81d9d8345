"""`flask explain "<text or code>"`: what a reason or a code means, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from app.cli.group import ConsoleCommand, json_option
from app.errors import NotFound
from app.protocol.explanations import search

if TYPE_CHECKING:
    from app.protocol.explanations import Explanation


@click.command(cls=ConsoleCommand)
@click.argument("asked", metavar="TEXT_OR_CODE", nargs=-1, required=True)
@json_option
def explain(*, asked: tuple[str, ...], as_json: bool) -> None:
    """Explain a reason as it is shown or logged, a close code, an HTTP status or a JSON-RPC code.

    Write a negative code after two dashes: flask explain -- -32603
    """
    words = " ".join(asked)
    found = search(words)
    if not found:
        raise NotFound(f"nothing explains {words!r}; an agent or a library may have written it")
    click.echo(json.dumps([_shown(each) for each in found]) if as_json else "\n\n".join(map(_told, found)))


def _told(each: Explanation) -> str:
    cause, advice = f"Likely cause: {each.cause}.", f"Next step:    {each.advice}."
    return f"{each.sentence}  [{each.code}]\n  {cause}\n  {advice}"


def _shown(each: Explanation) -> dict[str, Any]:
    names = ("code", "family", "text", "sentence", "cause", "advice")
    return {name: getattr(each, name) for name in names}
