"""What a protocol migration looks at before anything is touched: what a dry run does, too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from app.errors import DialError
from app.gateway import preflights as looks
from app.protocol import preflight_findings as findings
from app.protocol.preflight import blocking
from app.protocol.states import Cause
from app.services import preflights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.gateway.migrator.work import Work
    from app.protocol.preflight import Check

UNASKED: Final = frozenset({Cause.FIRST_DIAL, Cause.FALLBACK})
"""What brings a container up that has nothing else to be on: there is nothing to weigh."""


async def look(work: Work) -> None:
    """Open the new connection, judge it, and keep what was found.

    Raises:
        DialError: it cannot be opened, or a check blocks.
    """
    if work.migration.cause in UNASKED:
        await work.open()
        return
    checks = await looks.of_rows(work.connector, work.migration.to_protocol, own=work.migration.id)
    if not looks.leaves_nothing_to_dial(checks):
        checks = looks.merged(checks, await _seen(work))
    await _keep(work, checks)
    if found := blocking(checks):
        raise DialError(found[0].reason)


async def _seen(work: Work) -> Sequence[Check]:
    began = time.monotonic()
    try:
        link = await work.open()
    except DialError as error:
        return findings.failed(str(error))
    milliseconds = (time.monotonic() - began) * 1000
    return await looks.judge(work.connector, link, work.now.protocol, milliseconds)


async def _keep(work: Work, checks: Sequence[Check]) -> None:
    gateway_id = work.connector.gateway_id
    await work.write(lambda session, row: preflights.record(session, row, gateway_id, checks))
