"""Delivers notifications: a signed POST to the one webhook of the settings, tried again until it is taken.

The webhook's address is held to the containers' endpoint policy: every address of its name is checked, a
checked one is dialled, no redirect is followed and no proxy asked. Whether it is taken says the status; the
body is not read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Final

import httpx

from app.errors import ConsoleError
from app.gateway import address, credentials
from app.gateway.bells import rung
from app.gateway.causes import plain
from app.protocol import webhook
from app.protocol.endpoints import parse_endpoint
from app.protocol.states import EncryptionLevel
from app.services import webhooks

if TYPE_CHECKING:
    from app.config import Settings
    from app.gateway.address import Address
    from app.gateway.database import Database
    from app.services.webhooks import Due

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 30.0
"""Between two looks when nobody rings; one that is tried again waits for the next look at most."""
AT_ONCE: Final = 8
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 15.0


class Webhooks:
    """Delivers what is due for as long as `run` runs; all gateways do, each what no other has taken."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Say that there may be something to deliver."""
        self._rung.set()

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            self._rung.clear()
            if not self._settings.webhook_url:
                await self._database.run(webhooks.give_up_all)
                pause = IDLE_SECONDS
            else:
                pause = await self._deliver_due()
            await rung(self._rung, pause)

    async def _deliver_due(self) -> float:
        """Deliver what is due; return in how many seconds to look again."""
        while due := await self._database.run(partial(webhooks.take, limit=AT_ONCE)):
            await asyncio.gather(*map(self._deliver, due))
        wait = await self._database.run(webhooks.next_in)
        return IDLE_SECONDS if wait is None else min(IDLE_SECONDS, wait)

    async def _deliver(self, due: Due) -> None:
        try:
            problem = await self._post(due)
        except (ConsoleError, httpx.HTTPError, OSError) as error:
            problem = plain(error) if isinstance(error, OSError) else str(error) or type(error).__name__
        if problem is not None:
            log.warning("Notification %s was not delivered: %s", due.id, problem)
        await self._database.run(partial(webhooks.finish, delivery_id=due.id, problem=problem))

    async def _post(self, due: Due) -> str | None:
        """Send it; return why it was not taken, None if it was."""
        url, settings = self._settings.webhook_url, self._settings
        encrypted = parse_endpoint(url).encrypted
        level = EncryptionLevel.STANDARD if encrypted else EncryptionLevel.NONE
        target = await address.find(url, level, None, settings)
        headers = {
            "Host": target.endpoint.authority,
            "Content-Type": "application/json",
            "User-Agent": "lumilink-acp-console",
            webhook.DELIVERY: str(due.id),
            webhook.EVENT: due.event,
        }
        if settings.webhook_secret is not None:
            secret = await asyncio.to_thread(credentials.read, settings.webhook_secret, settings)
            headers[webhook.SIGNATURE] = webhook.signature(secret, int(time.time()), due.body)
        status = await _status_of(target, headers, due.body)
        return None if webhook.taken(status) else f"the receiver answered {status}"


async def _status_of(target: Address, headers: dict[str, str], body: bytes) -> int:
    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    extensions = {"sni_hostname": target.endpoint.name} if target.tls else {}
    url = f"{target.endpoint.scheme}://{target.dialled.authority}{target.endpoint.path or '/'}"
    async with (
        httpx.AsyncClient(
            verify=target.tls or False, timeout=timeout, follow_redirects=False, trust_env=False
        ) as client,
        client.stream("POST", url, content=body, headers=headers, extensions=extensions) as answer,
    ):
        return answer.status_code
