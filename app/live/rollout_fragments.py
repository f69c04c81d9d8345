"""What the fragments of rollouts show: counts, grouped by an index, and rows where they are shown."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from app.live import recent, rollout_bars
from app.protocol.rollout_gauges import gauges
from app.protocol.rollout_states import ENDED, PartState, WaveState
from app.queries import (
    rollout_containers,
    rollout_evidence,
    rollout_list,
    rollout_pages,
    rollout_standing,
    rollouts,
)
from app.services.rollouts import obstacles_at

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.protocol.rollout_judgement import Evidence
    from app.queries.paging import Where
    from app.queries.rollout_containers import PartFilter, PartRow
    from app.queries.rollout_list import RolloutFilter
    from app.queries.rollout_standing import Standing

EVIDENCE_SECONDS: Final = 2.0
"""How old what is measured may be: the limits act on what the gateway reads for itself."""


def listed(session: Session, narrowed: RolloutFilter, where: Where) -> Mapping[str, Any]:
    """Read a page of the list."""
    page = rollout_list.page(session, narrowed, where)
    counted = rollouts.counts_of_many(session, [each.id for each in page.rows])
    sort = where.word(rollout_list.ORDERS)
    query = urlencode([*narrowed.in_url(), *([("sort", sort)] if sort.startswith("-") else [])])
    return {
        "page": page,
        "counts": {each.id: counted.get(each.id, {}) for each in page.rows},
        "bar": rollout_bars,
        "query": query,
        "begun": not (where.after or where.before),
    }


def state(session: Session, rollout_id: uuid.UUID, at: Standing | None = None) -> Mapping[str, Any]:
    """Say in which state a rollout is and how far it has come; `at` is what has been read of it already."""
    at = at or rollout_standing.read(session, rollout_id)
    rollout, counted, window = at.rollout, at.total, at.rollout.planned.window
    closed = window is not None and not window.is_open(at.now) and rollout.state == "running"
    return {
        "rollout": rollout,
        "counted": counted,
        "left_out": counted[PartState.LEFT_OUT],
        "total": counted.total() - counted[PartState.LEFT_OUT],
        "bar": rollout_bars,
        "present": at.present,
        "waves": at.waves,
        "ended": rollout.state in ENDED,
        "obstacles": obstacles_at(at),
        "opens_at": window.opens_at(at.now) if window is not None and closed else None,
    }


def waves(session: Session, rollout_id: uuid.UUID, at: Standing | None = None) -> Mapping[str, Any]:
    """Tell of the waves, each with its containers by state."""
    at = at or rollout_standing.read(session, rollout_id)
    plan = at.rollout.planned
    baking = dt.timedelta(seconds=plan.bake_seconds)
    return {
        "rollout": at.rollout,
        "plan": plan,
        "waves": at.waves,
        "counts": at.counts,
        "baked_at": {each.number: each.baking_at + baking for each in at.waves if each.baking_at},
        "bar": rollout_bars,
    }


def limits(session: Session, rollout_id: uuid.UUID, at: Standing | None = None) -> Mapping[str, Any]:
    """Read what is measured in the present wave, beside what is allowed there."""
    at = at or rollout_standing.read(session, rollout_id)
    rollout, present = at.rollout, at.present
    number = present.number if present is not None else None
    evidence: Evidence = recent.figures(
        ("rollout evidence", rollout_id, number, rollout.state),
        partial(rollout_evidence.of, session, rollout, number),
        EVIDENCE_SECONDS,
    )
    of_wave: Mapping[PartState, int] = at.counts.get(number, {}) if number is not None else {}
    plan = rollout.planned
    baked = (
        present is not None
        and present.state == WaveState.BAKING
        and present.baking_at is not None
        and at.now >= present.baking_at + dt.timedelta(seconds=plan.bake_seconds)
    )
    return {
        "rollout": rollout,
        "present": present,
        "plan": plan,
        "gauges": list(gauges(plan.limits, of_wave, evidence, baked=baked)),
    }


def parts(session: Session, rollout_id: uuid.UUID, narrowed: PartFilter, where: Where) -> Mapping[str, Any]:
    """Read a page of a rollout's containers."""
    page = rollout_containers.page(session, rollout_id, narrowed, where)
    return {
        "rollout_id": rollout_id,
        "page": page,
        "rows": [settled(row) for row in page.rows],
        "narrowed": narrowed,
        "query": urlencode(narrowed.in_url()),
        "begun": not (where.after or where.before),
    }


def settled(row: PartRow) -> PartRow:
    """Return a row without what changes with the time alone: its line is then rendered, and sent, once."""
    return row._replace(seconds=None) if row.ended_at is None else row


def events(session: Session, rollout_id: uuid.UUID) -> Mapping[str, Any]:
    """Read what happened, the newest first."""
    return {"rollout_id": rollout_id, "events": rollouts.events(session, rollout_id)}


def deliveries(session: Session, rollout_id: uuid.UUID) -> Mapping[str, Any]:
    """Read the notifications to the webhook."""
    return {"rollout_id": rollout_id, "deliveries": rollouts.deliveries(session, rollout_id)}


def under_way(session: Session) -> Mapping[str, Any]:
    """Read what the overview mentions."""
    found = rollout_pages.under_way(session)
    return {"rollouts": found.rollouts, "counts": found.counts, "bar": rollout_bars}


def of_container(session: Session, container_id: uuid.UUID) -> Mapping[str, Any]:
    """Read which rollouts a container is part of."""
    return {"container_id": container_id, "parts": rollout_pages.of_container(session, container_id)}
