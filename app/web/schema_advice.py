"""What ACP's own schema says of a recorded message: advice for who looks for a fault, never more.

The gateway relays what agents and callers send; a message that this calls wrong was relayed all the same.
What is checked is the record, in which redaction may have put a marker in a value's place.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic import ValidationError

from app.protocol.rpc import RpcKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.models import AcpMessage
    from app.web.schema_models import Model

MOST: Final = 10


class Problem(NamedTuple):
    """Where the schema expects something else, and what."""

    path: str
    says: str


class Advice(NamedTuple):
    """The schema's name, and what does not fit it; `more` problems are left out."""

    model: str
    problems: Sequence[Problem]
    more: int = 0


@cache
def models() -> Mapping[str, tuple[Model, Model | None]]:
    """Return the schema's models by method.

    They are loaded when first asked for: that takes most of a second, and no command has to wait for it.
    """
    found: Mapping[str, tuple[Model, Model | None]] = import_module("app.web.schema_models").MODELS
    return found


def advise(message: AcpMessage, counterpart: AcpMessage | None) -> Advice | None:
    """Check a record against the schema of its method, or of the method it answers; None without one."""
    answers = message.rpc_kind == RpcKind.RESPONSE
    asked = counterpart.method if answers and counterpart is not None else message.method
    request, response = models().get(asked or "", (None, None))
    model, member = (response, "result") if answers else (request, "params")
    if model is None or not isinstance(message.payload, dict) or member not in message.payload:
        return None
    return Advice(model.__name__, *_problems(model, message.payload[member], member))


def _problems(model: Model, value: Any, member: str) -> tuple[Sequence[Problem], int]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        problems = [Problem(_path(member, each["loc"]), each["msg"][:200]) for each in found[:MOST]]
        return problems, len(found[MOST:])
    return [], 0


def _path(member: str, places: Sequence[str | int]) -> str:
    return ".".join([member, *map(str, places)])[:200]
