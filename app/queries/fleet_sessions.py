"""The fleet's ACP sessions, each by its latest prompt: what was asked, when, and whether it still waits.

Read by the indexes of prompts, so that its time does not grow with the table. A rare match is looked for
among `WINDOW` prompts; the page then says how far it has looked, and goes on from there. Open prompts are
looked for among what waits for an answer, and no more of it than a page shows.
"""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import ARRAY, Uuid, bindparam, cast, func, literal_column, select, true
from sqlalchemy.orm import aliased

from app.models import AcpConnection, AcpMessage, AcpOpenRequest, Container
from app.protocol.conversation import PROMPT
from app.protocol.rpc import RpcKind
from app.queries import plain
from app.queries.fixed import fixed
from app.queries.message_conditions import named
from app.queries.paging import KEPT
from app.queries.plain import as_text

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, FromClause, Select
    from sqlalchemy.orm import Session

WINDOW: Final = 5_000
"""Prompts that a page looks at."""
LONGEST_NAME: Final = 200

_BEFORE: Final = bindparam("before", type_=Uuid)
_IDS: Final = ARRAY(Uuid)


class SessionFilter(NamedTuple):
    """What the list is narrowed to; `container` is a name in which * stands for anything."""

    container: str = ""
    open_only: bool = False

    @classmethod
    def read(cls, container: str | None, only_open: str | None) -> SessionFilter:
        """Read it as an address has it; nothing that an address may hold is refused."""
        return cls((container or "").replace("\0", "").strip()[:LONGEST_NAME], only_open == "1")


class SessionKey(NamedTuple):
    """Which session it is, its latest prompt, and what answered that: None while it waits.

    It stands for all that a list shows of it, for records never change. Ids are text (`plain.as_text`).
    """

    container_id: str
    container: str
    session_id: str
    prompt_id: str
    answer_id: str | None


class FleetSession(NamedTuple):
    """What a list shows of a session beside its key; `answered` is None while its latest prompt waits."""

    prompted: dt.datetime
    payload: Any
    caller: str | None
    answered: dt.datetime | None
    failed: bool | None
    error: str | None
    stop: str | None


class Page(NamedTuple):
    """Some sessions, and the cursor of the page before them; `looked_to` as message_search.Found has it."""

    sessions: Sequence[SessionKey]
    older: uuid.UUID | None
    looked_to: dt.datetime | None


def page(
    session: Session, narrowed: SessionFilter, *, before: uuid.UUID | None = None, limit: int = 50
) -> Page:
    """Return the sessions that were prompted last, or before a cursor."""
    bounds = {} if before is None else {"before": before}
    statement = _latest(narrowed, WINDOW, before is not None, limit + 1)
    found = [SessionKey._make(row) for row in plain.read(session, statement, bounds).all()]
    if len(found) > limit:
        return Page(found[:limit], uuid.UUID(found[limit - 1].prompt_id), None)
    if narrowed.open_only:
        return Page(found, None, None)
    floor = plain.read(session, _floor(WINDOW, before is not None), bounds).one_or_none()
    return Page(found, None, None) if floor is None else Page(found, floor.id, floor.timestamp)


def of_keys(session: Session, keys: Sequence[SessionKey]) -> Mapping[SessionKey, FleetSession]:
    """Return what a list shows of some sessions; one that has been removed meanwhile is left out."""
    prompt, answer = AcpMessage, aliased(AcpMessage)
    prompts = cast([each.prompt_id for each in keys], _IDS)
    answers = cast([each.answer_id for each in keys if each.answer_id is not None], _IDS)
    statement = (
        select(as_text(prompt.id), prompt.timestamp, prompt.payload, prompt.caller)
        .add_columns(answer.timestamp, answer.error, answer.error_message)
        .add_columns(answer.payload["result"]["stopReason"].astext)
        .outerjoin(answer, (answer.reply_to == prompt.id) & (answer.id == func.any(answers)))
        .where(prompt.id == func.any(prompts))
    )
    found = {row[0]: FleetSession(*row[1:]) for row in plain.read(session, statement).all()}
    return {key: found[key.prompt_id] for key in keys if key.prompt_id in found}


@lru_cache(KEPT)
def _floor(window: int, is_before: bool) -> Any:  # noqa: FBT001 - a part of the key
    """Select the prompt at which a page stops looking, down from a cursor `before` if there is one."""
    latest = _prompts(AcpMessage.id, AcpMessage.timestamp, is_before=is_before)
    return latest.limit(fixed(1)).offset(fixed(window))


@lru_cache(KEPT)
def _latest(narrowed: SessionFilter, window: int, is_before: bool, limit: int) -> Select[Any]:  # noqa: FBT001 - as above
    """Select one prompt after the other, the newest first, until there are enough.

    By lateral joins with limits: a plain one may be planned as a hash of all connections or prompts, of which
    a page needs a few.
    """
    columns = AcpMessage.id, AcpMessage.connection_id, AcpMessage.acp_session_id
    latest = _prompts(*columns, is_before=is_before).limit(fixed(window + 1))
    prompt = (_open(is_before=is_before) if narrowed.open_only else latest).subquery("prompt")
    place = _place(prompt, narrowed.container)
    answer, later = _answer(prompt), _later(prompt, place)
    statement = (
        select(as_text(place.c.id), place.c.name, prompt.c.acp_session_id, as_text(prompt.c.id))
        .add_columns(as_text(answer.c.id))
        .select_from(prompt)
        .join(place, true())
        .outerjoin(later, true())
        .outerjoin(answer, true())
        .where(later.c.id.is_(None))
        .order_by(prompt.c.id.desc())
        .limit(fixed(limit))
    )
    return statement.where(answer.c.id.is_(None)) if narrowed.open_only else statement


def _prompts(*columns: Any, is_before: bool) -> Any:
    """Select something of the prompts of sessions, the newest first."""
    prompts = select(*columns).where(*_is_prompt(AcpMessage), AcpMessage.acp_session_id.is_not(None))
    return (prompts.where(AcpMessage.id < _BEFORE) if is_before else prompts).order_by(AcpMessage.id.desc())


def _open(*, is_before: bool) -> Any:
    """Select the same of those that wait for an answer, in the order of an index of these."""
    of_session = AcpMessage.acp_session_id.is_not(None)
    columns = select(AcpMessage.connection_id, AcpMessage.acp_session_id)
    record = columns.where(AcpMessage.id == AcpOpenRequest.id, of_session).limit(fixed(1)).lateral("record")
    waiting = (
        select(AcpOpenRequest.id, record.c.connection_id, record.c.acp_session_id)
        .join(record, true())
        .where(AcpOpenRequest.method == literal_column(f"'{PROMPT}'"))
        .order_by(AcpOpenRequest.id.desc())
    )
    return waiting.where(AcpOpenRequest.id < _BEFORE) if is_before else waiting


def _place(prompt: FromClause, name: str) -> Any:
    """Return the container of a prompt, if it is called so."""
    container = (
        select(Container.id, Container.name)
        .join(AcpConnection, AcpConnection.container_id == Container.id)
        .where(AcpConnection.id == prompt.c.connection_id)
        .limit(fixed(1))
    )
    return (container.where(named(Container.name, name)) if name else container).lateral("place")


def _answer(prompt: FromClause) -> Any:
    """Return the record that answers a prompt, be it to say that no answer will come; at most one."""
    answer = aliased(AcpMessage)
    of_it = select(answer.id).where(answer.reply_to == prompt.c.id).order_by(answer.id)
    return of_it.limit(fixed(1)).lateral("answer")


def _later(prompt: FromClause, place: FromClause) -> Any:
    """Return a prompt of the same session of the same container that came afterwards; at most one."""
    later, over = aliased(AcpMessage), aliased(AcpConnection)
    return (
        select(later.id)
        .join(over, over.id == later.connection_id)
        .where(*_is_prompt(later), later.acp_session_id == prompt.c.acp_session_id)
        .where(later.id > prompt.c.id, over.container_id == place.c.id)
        .limit(fixed(1))
        .lateral("later")
    )


def _is_prompt(record: Any) -> tuple[ColumnElement[bool], ...]:
    return record.method == literal_column(f"'{PROMPT}'"), record.rpc_kind == fixed(RpcKind.REQUEST)
