"""The list of rollouts, by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from app.models import Rollout
from app.protocol.rollout_states import RolloutState
from app.protocol.states import Protocol
from app.queries import paging
from app.queries.narrowing import Narrowing
from app.queries.paging import newest_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from app.queries.paging import Order, Page, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutFilter(Narrowing):
    """What the list is narrowed to. `text` is a part of the name, `actor` a part of who made it."""

    WORDS = {  # noqa: RUF012 - the base says ClassVar
        "state": frozenset(each.value for each in RolloutState),
        "protocol": frozenset(each.value for each in Protocol),
    }

    text: str = ""
    state: str = ""
    protocol: str = ""
    actor: str = ""


ORDERS: Final[Mapping[str, Order]] = {"start": newest_first(Rollout.id)}


def page(
    session: Session, narrowed: RolloutFilter, where: Where, *, limit: int = paging.LIMIT
) -> Page[Rollout]:
    """Return one page of the list, the newest first.

    Raises:
        Invalid: the cursor is none of this list.
    """
    statement = select(Rollout).where(*_conditions(narrowed))
    return paging.read_whole(session, statement, ORDERS, where, limit=limit)


def _conditions(narrowed: RolloutFilter) -> Iterator[ColumnElement[bool]]:
    if narrowed.text:
        yield Rollout.name.icontains(narrowed.text, autoescape=True)
    if narrowed.state:
        yield Rollout.state == narrowed.state
    if narrowed.protocol:
        yield Rollout.to_protocol == narrowed.protocol
    if narrowed.actor:
        yield Rollout.created_by.icontains(narrowed.actor, autoescape=True)
