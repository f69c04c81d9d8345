"""What all commands have in common: an error is told in words, with what to do next, never as a traceback."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, NoReturn

import click
import psycopg
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError

from app.errors import ConsoleError, DatabaseNotMigrated, DatabaseUnavailable
from app.queries import moments

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum


class ConsoleCommand(click.Command):
    """A command that ends with exit code 1 and a message on stderr where it raises a ConsoleError.

    With its option `--json` (parameter `as_json`) the message is an object: `{"error": …, "advice": …}`.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ConsoleError, DBAPIError, psycopg.Error) as error:
            _fail(explained(error), as_json=ctx.params.get("as_json", False))


class ConsoleGroup(AppGroup):
    """A group of such commands, run in an app context. Use it as `@click.group(cls=ConsoleGroup)`."""

    command_class = ConsoleCommand


class Moment(click.ParamType):  # type: ignore[type-arg]
    """A time in ISO 8601, in UTC without a zone, or how long ago, as addresses have it: `24h`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dt.datetime:
        """Read it; fail with words."""
        if isinstance(value, dt.datetime):
            return value
        found = moments.read(value)
        if found is None:
            self.fail(f"{value!r} is not a time such as 2026-11-24T10:00, or 24h", param, ctx)
        return found


def one_of(words: Iterable[StrEnum]) -> click.Choice[str]:
    """Take one of some words as they are written everywhere else; click itself would ask for their names."""
    return click.Choice([each.value for each in words])


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")


def explained(error: ConsoleError | DBAPIError | psycopg.Error) -> ConsoleError:
    """Give the error that tells an operator what to do; raises the one given where none fits."""
    if isinstance(error, ConsoleError):
        return error
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return DatabaseNotMigrated(_first_line(cause))
    if isinstance(cause, psycopg.OperationalError):
        return DatabaseUnavailable(_first_line(cause))
    raise error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _fail(error: ConsoleError, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"error": str(error), "advice": error.advice}), err=True)
    else:
        click.echo(f"Error: {error}\n{error.advice}", err=True)
    raise SystemExit(1)
