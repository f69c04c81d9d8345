"""What a dial does to a name: all its addresses are checked, the checked one is dialled, and nothing else."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from app.config import Settings
from app.config_values import Bind
from app.errors import ConsoleError, EndpointRefused
from app.gateway.acp_transport import open_acp
from app.gateway.address import find
from app.gateway.http_transport import open_http
from app.protocol.reasons import Reason
from app.protocol.states import EncryptionLevel, Protocol
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.gateway.address import Address

NAME = "agent.example"
LOOPBACK = "127.0.0.1"


class Names:
    """A name service of the test's own: each look-up takes the next answer; the last one stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[list[str]] = []
        self.asked = 0
        real = asyncio.BaseEventLoop.getaddrinfo

        async def look_up(loop: Any, host: Any, port: Any, **options: Any) -> list[Any]:
            return self._answer(port) if host == NAME else await real(loop, host, port, **options)

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)

    def _answer(self, port: Any) -> list[Any]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in answer]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@contextmanager
def listening(answer: bytes = b"", host: str = LOOPBACK) -> Iterator[tuple[int, list[bytes]]]:
    """Listen on TCP; yields the port and what every connection sent first, each answered and closed."""
    heard: list[bytes] = []
    with socket.create_server((host, 0)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(PATIENCE)
                    heard.append(connection.recv(65536))
                    if heard[-1] == b"stop":
                        return
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], heard
        finally:
            with socket.create_connection(listener.getsockname()) as last:
                last.sendall(b"stop")
            thread.join()
            heard.remove(b"stop")


async def _find(url: str, settings: Settings, credential: str | None = None) -> Address:
    return await find(url, EncryptionLevel.NONE, credential, settings)


async def _open(url: str, protocol: Protocol, settings: Settings, credential: str | None = None) -> None:
    address = await _find(url, settings, credential)
    if protocol is Protocol.ACP:
        transport = await open_acp(address, "/acp", compression=False, half_open_seconds=10)
        await transport.close("enough")
    else:
        await (await open_http(address, "/acp")).close("enough")


def dial(url: str, protocol: Protocol, settings: Settings, credential: str | None = None) -> str:
    """Dial, and return why it failed."""
    with pytest.raises(ConsoleError) as refused:
        asyncio.run(_open(url, protocol, settings, credential))
    return str(refused.value)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ([LOOPBACK, "10.0.0.1"], "10.0.0.1 is in none of the allowed networks"),
        (["169.254.169.254", LOOPBACK], "169.254.169.254 is a cloud metadata service"),
        ([LOOPBACK, LOOPBACK, "0.0.0.0"], "0.0.0.0 is unspecified"),  # noqa: S104 - refused
    ],
)
def test_one_forbidden_address_forbids_the_name(names: Names, answer: list[str], told: str) -> None:
    names.answers = [answer]
    with pytest.raises(EndpointRefused, match=told):
        asyncio.run(_find(f"http://{NAME}", Settings()))


@pytest.mark.parametrize("protocol", list(Protocol))
def test_the_checked_address_is_dialled_whatever_the_name_is_next(names: Names, protocol: Protocol) -> None:
    """DNS rebinding: a second look-up, if there were one, would lead to the second listener."""
    with listening() as (port, heard):
        names.answers = [[LOOPBACK], ["127.0.0.2"]]
        with socket.create_server(("127.0.0.2", port)) as other:
            other.setblocking(False)
            dial(f"http://{NAME}:{port}", protocol, Settings())
            with pytest.raises(BlockingIOError):
                other.accept()
    assert names.asked == 1
    assert f"Host: {NAME}:{port}".lower() in heard[0].decode().lower()


def test_a_name_that_changes_is_judged_anew_at_the_next_dial(names: Names) -> None:
    names.answers = [[LOOPBACK], ["10.0.0.1"]]
    assert asyncio.run(_find(f"http://{NAME}", Settings())).ip == LOOPBACK
    with pytest.raises(EndpointRefused, match="none of the allowed networks"):
        asyncio.run(_find(f"http://{NAME}", Settings()))


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed(protocol: Protocol, status: int) -> None:
    with listening() as (elsewhere, visits):
        head = f"HTTP/1.1 {status} Moved\r\nLocation: http://{LOOPBACK}:{elsewhere}/acp\r\n"
        with listening(f"{head}Content-Length: 0\r\n\r\n".encode()) as (port, heard):
            told = dial(f"http://{LOOPBACK}:{port}", protocol, Settings())
        assert len(heard) == 1
        assert visits == []
    assert f"HTTP {status}" in told
    assert Reason.REDIRECT.advice in told


@pytest.mark.parametrize("protocol", list(Protocol))
def test_no_proxy_is_asked(protocol: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (proxy, asked), listening() as (port, heard):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY", "SOCKS_PROXY"):
            monkeypatch.setenv(name, f"http://{LOOPBACK}:{proxy}")
            monkeypatch.setenv(name.lower(), f"http://{LOOPBACK}:{proxy}")
        dial(f"http://{LOOPBACK}:{port}", protocol, Settings())
        assert len(heard) == 1
        assert asked == []


@pytest.mark.parametrize("host", [LOOPBACK, "127.0.0.2", NAME, "[::ffff:127.0.0.1]"])
def test_the_consoles_own_ports_are_never_dialled(names: Names, host: str) -> None:
    names.answers = [[LOOPBACK]]
    settings = Settings(
        bind=Bind("0.0.0.0", 8001),  # noqa: S104 - listened on by nobody here
        gateway_bind=Bind(LOOPBACK, 8002),
        database_url=f"postgresql://u@{NAME}:8003/console",
    )
    for port in (8001, 8002, 8003):
        with pytest.raises(EndpointRefused, match="the console's own"):
            asyncio.run(_find(f"http://{host}:{port}", settings))
    assert asyncio.run(_find(f"http://{host}:8004", settings)).endpoint.port == 8004


def test_the_port_is_free_on_a_machine_that_is_not_the_consoles(names: Names) -> None:
    names.answers = [["192.0.2.1"]]  # RFC 5737: nobody's
    settings = Settings(bind=Bind("0.0.0.0", 8001), allowed_networks=(ip_network("192.0.2.0/24"),))  # noqa: S104
    settings = replace(settings, trusted_networks=settings.allowed_networks)
    assert asyncio.run(_find(f"http://{NAME}:8001", settings)).ip == "192.0.2.1"


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_refused_target_gets_neither_a_byte_nor_the_credential(
    names: Names, protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_KEY", "s3cr3t")
    names.answers = [[LOOPBACK, "10.0.0.1"]]
    with listening() as (port, heard):
        allowed = Settings(credential_names=frozenset({"AGENT_KEY"}))
        for settings in (
            allowed,  # one of the addresses is not
            replace(allowed, allowed_hosts=("other.example",)),
            replace(allowed, allowed_ports=(range(1, 2),)),
            replace(allowed, bind=Bind(LOOPBACK, port)),
            replace(allowed, trusted_networks=()),
        ):
            told = dial(f"http://{NAME}:{port}", protocol, settings, "env:AGENT_KEY")
            assert "s3cr3t" not in told
        dial(
            f"http://{LOOPBACK}:{port}", protocol, replace(allowed, credential_names=frozenset()), "env:PATH"
        )
    assert heard == []
