"""Ways to ask a container for the same: a new HTTP connection each time, or ACP over an open socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx
import websockets

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from websockets.asyncio.client import ClientConnection

PING: Final = "_console/ping"
INITIALIZE: Final = {"protocolVersion": 1, "clientCapabilities": {}}
PATIENCE: Final = 60.0


class Way(Protocol):
    """A way to a container: asks once, and returns the JSON-RPC answer. Raises where there is none."""

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class OverHttp:
    """As the backend does today: a client and a connection for the request, then none."""

    endpoint: str
    trust: Callable[[], ssl.SSLContext]
    """The authorities, parsed before or, as httpx does by itself, read for each client."""

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False, verify=self.trust()) as client:
            if method == PING:
                answer = await client.get(f"{self.endpoint}/health")
            else:
                answer = await client.post(f"{self.endpoint}/acp", content=_request(1, method, params))
        answer.raise_for_status()
        return dict(answer.json())


@dataclass(slots=True)
class OverAcp:
    """As callers do with ACP: a request on the socket that is open anyway."""

    socket: ClientConnection
    _ids: Iterator[int] = field(default_factory=count)

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        number = next(self._ids)
        await self.socket.send(_request(number, method, params))
        while True:
            answer = json.loads(await self.socket.recv())
            if answer.get("id") == number and "method" not in answer:
                return dict(answer)


async def over_acp(url: str, token: str = "", trust: ssl.SSLContext | None = None) -> OverAcp:
    """Connect and initialise, once the gateway, if it is one, has its container."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                socket = await websockets.connect(
                    url, additional_headers=headers, ssl=trust, compression=None, proxy=None
                )
                break
            except websockets.InvalidStatus as error:
                if error.response.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # not yet dialled
                    raise
                await asyncio.sleep(0.1)
    way = OverAcp(socket)
    await way.ask("initialize", INITIALIZE)
    return way


def _request(number: int, method: str, params: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
