"""The fleet's ACP sessions, each by its latest prompt: what was asked, when, and whether it still waits.

Read by the indexes of prompts, so that its time does not grow with the table. A rare match is looked for
among `WINDOW` prompts; the page then says how far it has looked, and goes on from there. Open prompts are
looked for among what waits for an answer, which is never much.
"""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Uuid, bindparam, func, literal_column, select, true
from sqlalchemy.orm import aliased

from app.models import AcpConnection, AcpMessage, AcpOpenRequest, Container
from app.protocol.conversation import PROMPT
from app.protocol.rpc import RpcKind
from app.queries import plain
from app.queries.fixed import fixed
from app.queries.message_conditions import named
from app.queries.paging import KEPT

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

WINDOW: Final = 5_000
"""Prompts that a page looks at."""
NEAR: Final = 200
"""Prompts that are looked at first: mostly enough for a page, and found in no time."""
LONGEST_NAME: Final = 200

_BEFORE: Final = bindparam("before", type_=Uuid)
_LEAST: Final[ColumnElement[uuid.UUID]] = literal_column(f"'{uuid.UUID(int=0)}'::uuid")


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

    It stands for all that a list shows of it, for records never change.
    """

    container_id: uuid.UUID
    container: str
    session_id: str
    prompt_id: uuid.UUID
    answer_id: uuid.UUID | None


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

    def read(window: int | None) -> Page:
        statement = _latest_prompts(narrowed, window, before is not None, limit + 1)
        found = [SessionKey._make(row) for row in plain.read(session, statement, bounds)]
        return Page(found[:limit], found[limit - 1].prompt_id if len(found) > limit else None, None)

    if narrowed.open_only:
        return read(None)
    near = read(min(NEAR, WINDOW))
    found = near if near.older is not None else read(WINDOW)
    if found.older is not None:
        return found
    floor = plain.read(session, _floor(WINDOW, before is not None), bounds).one_or_none()
    return found if floor is None else Page(found.sessions, floor.id, floor.timestamp)


def of_keys(session: Session, keys: Sequence[SessionKey]) -> Mapping[SessionKey, FleetSession]:
    """Return what a list shows of some sessions; one that has been removed meanwhile is left out."""
    prompt, answer = AcpMessage, aliased(AcpMessage)
    answers = [each.answer_id for each in keys if each.answer_id is not None]
    statement = (
        select(prompt.id, prompt.timestamp, prompt.payload, prompt.caller)
        .add_columns(answer.timestamp, answer.error, answer.error_message)
        .add_columns(answer.payload["result"]["stopReason"].astext)
        .outerjoin(answer, (answer.reply_to == prompt.id) & (answer.id == func.any(answers)))
        .where(prompt.id == func.any([each.prompt_id for each in keys]))
    )
    found = {row[0]: FleetSession(*row[1:]) for row in plain.read(session, statement)}
    return {key: found[key.prompt_id] for key in keys if key.prompt_id in found}


@lru_cache(KEPT)
def _floor(window: int, is_before: bool) -> Any:  # noqa: FBT001 - a part of the key
    """Select the prompt at which a page stops looking, down from a cursor `before` if there is one."""
    prompt = aliased(AcpMessage)
    statement: Any = (
        select(prompt.id, prompt.timestamp)
        .where(*_is_prompt(prompt), prompt.acp_session_id.is_not(None))
        .order_by(prompt.id.desc())
        .limit(fixed(1))
        .offset(fixed(window))
    )
    return statement.where(prompt.id < _BEFORE) if is_before else statement


@lru_cache(KEPT)
def _latest_prompts(
    narrowed: SessionFilter,
    window: int | None,
    is_before: bool,  # noqa: FBT001 - a part of the key
    limit: int,
) -> Select[Any]:
    """Select one prompt after the other, the newest first, until there are enough.

    By lateral joins: an EXISTS may be planned as a hash of all prompts, of which a page needs a few.
    """
    prompt = AcpMessage
    over = _over()
    answer, later = _answer(), _later(over)
    statement = (
        select(Container.id, Container.name, prompt.acp_session_id, prompt.id, answer.c.id)
        .select_from(prompt)
        .join(over, true())
        .join(Container, Container.id == over.c.container_id)
        .outerjoin(later, true())
        .outerjoin(answer, true())
        .where(*_is_prompt(prompt), prompt.acp_session_id.is_not(None), later.c.id.is_(None))
        .order_by(prompt.id.desc())
        .limit(fixed(limit))
    )
    if is_before:
        statement = statement.where(prompt.id < _BEFORE)
    if window is not None:
        floor = select(_floor(window, is_before).subquery().c.id).scalar_subquery()
        statement = statement.where(prompt.id >= func.coalesce(floor, _LEAST))
    if narrowed.container:
        statement = statement.where(named(Container.name, narrowed.container))
    if narrowed.open_only:
        waiting = select(AcpOpenRequest.id).where(AcpOpenRequest.method == literal_column(f"'{PROMPT}'"))
        statement = statement.where(prompt.id.in_(waiting), answer.c.id.is_(None))
    return statement


def _answer() -> Any:
    """Return the record that answers a prompt, be it to say that no answer will come; at most one."""
    answer = aliased(AcpMessage)
    return (
        select(answer.id)
        .where(answer.reply_to == AcpMessage.id)
        .order_by(answer.id)
        .limit(fixed(1))
        .lateral("answer")
    )


def _over() -> Any:
    """Return the prompt's connection, by its key: a plain join may be planned as a hash of all of them."""
    return (
        select(AcpConnection.container_id)
        .where(AcpConnection.id == AcpMessage.connection_id)
        .limit(fixed(1))
        .lateral("over")
    )


def _later(of: Any) -> Any:
    """Return a prompt of the same session of the same container that came afterwards; at most one."""
    later, over = aliased(AcpMessage), aliased(AcpConnection)
    return (
        select(later.id)
        .join(over, over.id == later.connection_id)
        .where(*_is_prompt(later), later.acp_session_id == AcpMessage.acp_session_id)
        .where(later.id > AcpMessage.id, over.container_id == of.c.container_id)
        .limit(fixed(1))
        .lateral("later")
    )


def _is_prompt(record: Any) -> tuple[ColumnElement[bool], ...]:
    return record.method == literal_column(f"'{PROMPT}'"), record.rpc_kind == fixed(RpcKind.REQUEST)
