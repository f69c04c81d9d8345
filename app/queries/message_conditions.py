"""What each field of a message filter asks of a record, in SQL. No condition is ever unknown (NULL)."""

from __future__ import annotations

import operator
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, and_, cast, func, not_, or_, select
from sqlalchemy.orm import aliased

from app.models import AcpConnection, AcpMessage, Container
from app.models.base import first_id_at
from app.protocol.rpc import RpcKind
from app.queries.message_filter import SINCE, TEXT, UNTIL
from app.queries.message_grams import spellings
from app.queries.moments import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute

    from app.queries.message_filter import Term

    Condition = ColumnElement[bool]

_TOGETHER: Final = frozenset({TEXT, "took", "size", *SINCE, *UNTIL})
"""Fields of which several terms can hold at once; of the others they are alternatives."""
_LIKE: Final = {"*": "%", "%": r"\%", "_": r"\_", "\\": r"\\"}
_COMPARE: Final = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "": operator.eq,
}


def conditions(terms: Sequence[Term]) -> Sequence[Condition]:
    """Return the conditions of a filter: alternatives of a field joined by or, the rest by and."""
    positive = sorted((term for term in terms if not term.negated), key=_alternatives)
    groups = [or_(*map(_condition, group)) for _, group in groupby(positive, _alternatives)]
    return [*groups, *(not_(_condition(term)) for term in terms if term.negated)]


def named(column: InstrumentedAttribute[Any], value: str) -> Condition:
    """Compare with a name in which * stands for anything."""
    if "*" not in value:
        return (column == value).is_(True)
    return column.like("".join(_LIKE.get(each, each) for each in value)).is_(True)


def _alternatives(term: Term) -> tuple[str, str]:
    return (term.field, str(term) if term.field in _TOGETHER else "")


def _condition(term: Term) -> Condition:
    return _FIELDS[term.field](term.meaning)


def _text(value: str) -> Condition:
    """Look for it as a part of a text, whatever the letters' size; ILIKE takes a fifth longer."""
    payload = cast(AcpMessage.payload, String)
    plain, *as_json = spellings(value)
    asked = [
        *((each, plain) for each in (payload, AcpMessage.error_message, AcpMessage.method)),
        *((payload, each) for each in as_json),
    ]
    return or_(*((func.strpos(func.lower(column), func.lower(each)) > 0).is_(True) for column, each in asked))


def _status(value: str) -> Condition:
    answer = aliased(AcpMessage)
    answered = select(answer.id).where(answer.reply_to == AcpMessage.id).exists()
    statuses: Mapping[str, Condition] = {
        "error": AcpMessage.error.expression,  # as its index has it
        "ok": not_(AcpMessage.error),
        "unanswered": and_((AcpMessage.rpc_kind == RpcKind.REQUEST).is_(True), not_(answered)),
        "undelivered": not_(AcpMessage.processed),
    }
    return statuses[value]


def _container(value: str) -> Condition:
    of_it = select(AcpConnection.id).join(Container).where(named(Container.name, value))
    return AcpMessage.connection_id.in_(of_it)


def _compared(column: InstrumentedAttribute[Any], value: str) -> Condition:
    sign = value.rstrip("0123456789")
    compared: Condition = _COMPARE[sign](column, int(value.removeprefix(sign)))
    return compared.is_(True)


# Times are compared by id, which is in the order of time and the cursor of every list.
_FIELDS: Final[Mapping[str, Callable[[str], Condition]]] = {
    TEXT: _text,
    "dir": lambda value: AcpMessage.direction == value,
    "type": lambda value: AcpMessage.message_type == value,
    "kind": lambda value: named(AcpMessage.rpc_kind, value),
    "method": lambda value: named(AcpMessage.method, value),
    "status": _status,
    "id": lambda value: AcpMessage.rpc_id.in_([value, f'"{value}"']).is_(True),
    "session": lambda value: named(AcpMessage.acp_session_id, value),
    "caller": lambda value: named(AcpMessage.caller, value),
    "container": _container,
    "connection": lambda value: AcpMessage.connection_id == value,
    "took": lambda value: _compared(AcpMessage.processing_time, value),
    "size": lambda value: _compared(AcpMessage.size, value),
    **dict.fromkeys(SINCE, lambda value: AcpMessage.id >= first_id_at(moment(value))),
    **dict.fromkeys(UNTIL, lambda value: AcpMessage.id < first_id_at(moment(value))),
}
