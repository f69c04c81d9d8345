"""Which sessions callers have at a container: those that this gateway has seen, and those that are recorded.

Who makes a session is remembered in memory alone. A caller that goes on with it after its gateway was
restarted, or its container was taken over, has made it under another one: then the records tell of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.protocol.sessions import joined
from app.queries import acp_sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.gateway.connector import Connector
    from app.protocol.sessions import HeldSession, RecordedSession


async def recorded(connector: Connector) -> Sequence[RecordedSession]:
    """Read what is recorded; nothing where no caller is there. Raises LeaseLost."""
    if not connector.channel.mux.callers:
        return []
    return await connector.ledger.write(lambda session: acp_sessions.made_at(session, connector.container_id))


def held(connector: Connector, found: Sequence[RecordedSession]) -> list[HeldSession]:
    """Return the sessions of the callers that are there now."""
    mux = connector.channel.mux
    return joined(mux.held_sessions, found, set(mux.callers.values()), mux.knows)
