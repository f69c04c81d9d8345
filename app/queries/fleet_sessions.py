"""The fleet's ACP sessions, each by its latest prompt: what was asked, when, and whether it still waits.

Read by the indexes of prompts, so that its time does not grow with the table. A rare match is looked for
among `WINDOW` prompts; the page then says how far it has looked, and goes on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import select, true
from sqlalchemy.orm import aliased

from app.models import AcpConnection, AcpMessage, Container
from app.protocol.conversation import PROMPT
from app.protocol.rpc import RpcKind
from app.queries.message_conditions import named

if TYPE_CHECKING:
    import datetime as dt
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.orm import Session

WINDOW: Final = 5_000
"""Prompts that a page looks at."""
LONGEST_NAME: Final = 200


class SessionFilter(NamedTuple):
    """What the list is narrowed to; `container` is a name in which * stands for anything."""

    container: str = ""
    open_only: bool = False

    @classmethod
    def read(cls, container: str | None, only_open: str | None) -> SessionFilter:
        """Read it as an address has it; nothing that an address may hold is refused."""
        return cls((container or "").replace("\0", "").strip()[:LONGEST_NAME], only_open == "1")


class FleetSession(NamedTuple):
    """A session and its latest prompt; `answered` is None while that waits, `stop` its stop reason."""

    container_id: uuid.UUID
    container: str
    session_id: str
    prompt_id: uuid.UUID
    prompted: dt.datetime
    payload: Any
    caller: str | None
    answered: dt.datetime | None
    failed: bool | None
    error: str | None
    stop: str | None


class Page(NamedTuple):
    """Some sessions, and the cursor of the page before them; `looked_to` as message_search.Found has it."""

    sessions: Sequence[FleetSession]
    older: uuid.UUID | None
    looked_to: dt.datetime | None


def page(
    session: Session, narrowed: SessionFilter, *, before: uuid.UUID | None = None, limit: int = 50
) -> Page:
    """Return the sessions that were prompted last, or before a cursor."""
    floor = session.scalar(_prompts(before).order_by(AcpMessage.id.desc()).offset(WINDOW).limit(1))
    found = _read(session, _latest_prompts(narrowed, before, floor), limit + 1)
    if len(found) > limit:
        return Page(found[:limit], found[limit - 1].prompt_id, None)
    return Page(found, floor.id if floor else None, floor.timestamp if floor else None)


def _read(session: Session, statement: Select[Any], limit: int) -> Sequence[FleetSession]:
    return [FleetSession(*row) for row in session.execute(statement.limit(limit))]


def _prompts(before: uuid.UUID | None) -> Select[AcpMessage]:
    statement = select(AcpMessage).where(*_is_prompt(AcpMessage), AcpMessage.acp_session_id.is_not(None))
    return statement if before is None else statement.where(AcpMessage.id < before)


def _latest_prompts(
    narrowed: SessionFilter, before: uuid.UUID | None, floor: AcpMessage | None
) -> Select[Any]:
    """Select one prompt after the other, the newest first, until there are enough.

    By lateral joins: an EXISTS may be planned as a hash of all prompts, of which a page needs a few.
    """
    prompt = AcpMessage
    answer, later = _answer(), _later()
    statement = (
        select(Container.id, Container.name, prompt.acp_session_id, prompt.id, prompt.timestamp)
        .add_columns(
            prompt.payload, prompt.caller, answer.c.timestamp, answer.c.error, answer.c.error_message
        )
        .add_columns(answer.c.payload["result"]["stopReason"].astext)
        .select_from(prompt)
        .join(AcpConnection, AcpConnection.id == prompt.connection_id)
        .join(Container, Container.id == AcpConnection.container_id)
        .outerjoin(later, true())
        .outerjoin(answer, true())
        .where(*_is_prompt(prompt), prompt.acp_session_id.is_not(None), later.c.id.is_(None))
        .order_by(prompt.id.desc())
    )
    if before is not None:
        statement = statement.where(prompt.id < before)
    if floor is not None:
        statement = statement.where(prompt.id >= floor.id)
    if narrowed.container:
        statement = statement.where(named(Container.name, narrowed.container))
    return statement.where(answer.c.timestamp.is_(None)) if narrowed.open_only else statement


def _answer() -> Any:
    """Return the record that answers a prompt, be it to say that no answer will come; at most one."""
    answer = aliased(AcpMessage)
    return (
        select(answer.timestamp, answer.error, answer.error_message, answer.payload)
        .where(answer.reply_to == AcpMessage.id)
        .order_by(answer.id)
        .limit(1)
        .lateral("answer")
    )


def _later() -> Any:
    """Return a prompt of the same session of the same container that came afterwards; at most one."""
    later, over = aliased(AcpMessage), aliased(AcpConnection)
    return (
        select(later.id)
        .join(over, over.id == later.connection_id)
        .where(*_is_prompt(later), later.acp_session_id == AcpMessage.acp_session_id)
        .where(later.id > AcpMessage.id, over.container_id == AcpConnection.container_id)
        .limit(1)
        .lateral("later")
    )


def _is_prompt(record: Any) -> tuple[ColumnElement[bool], ...]:
    return record.method == PROMPT, record.rpc_kind == RpcKind.REQUEST
