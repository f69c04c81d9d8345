"""The three encryption levels on real TLS sockets, over both protocols; each refusal says what to do."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from app.config import Settings
from app.errors import DialError
from app.gateway.acp_transport import open_acp
from app.gateway.address import find
from app.gateway.http_transport import open_http
from app.protocol.reasons import Reason
from app.protocol.states import EncryptionLevel, Protocol
from tests.support.agents import INITIALIZED, agent, http_agent, result
from tests.support.tls import HOST, Authority, Resetting, self_signed

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

    from app.gateway.transport import Transport

STANDARD, HIGH = EncryptionLevel.STANDARD, EncryptionLevel.HIGH
NOW = dt.datetime.now(dt.UTC)
EARLIER, LATER = NOW - dt.timedelta(days=9), NOW + dt.timedelta(days=9)
V1_1, V1_2, V1_3 = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

pytestmark = pytest.mark.parametrize("protocol", list(Protocol))


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "theirs")


@pytest.fixture
def settings(ours: Authority) -> Settings:
    """Settings of a gateway that trusts our authority and has a certificate of it."""
    return Settings(tls_ca_file=ours.file, **ours.client())


def served(
    context: ssl.SSLContext | None, look: Callable[[Any], object] = lambda _: None
) -> AbstractContextManager[str]:
    """Serve ACP and a health check; `look` is given the TLS socket of every request."""

    def answer(connection: ServerConnection, asked: Request) -> Response | None:
        look(connection.socket)
        return connection.respond(HTTPStatus.OK, "") if asked.path == "/health" else None

    return agent({"initialize": result(INITIALIZED)}, ssl=context, process_request=answer)


def at_most(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Have a server offer nothing newer than a version."""
    if version is not V1_1:
        context.maximum_version = version
        return context
    context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL would not serve it otherwise
    with pytest.deprecated_call():
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, version
    return context


async def _open(url: str, level: EncryptionLevel, protocol: Protocol, settings: Settings) -> Transport:
    address = await find(url, level, None, settings)
    if protocol is Protocol.ACP:
        return await open_acp(address, "/acp", compression=False, half_open_seconds=10)
    return await open_http(address, "/acp")


def dial(url: str, level: EncryptionLevel, protocol: Protocol, settings: Settings) -> None:
    """Open a connection and ask for a sign of life. Raises DialError."""

    async def to_the_end() -> None:
        transport = await _open(url, level, protocol, settings)
        try:
            await transport.ping()
        finally:
            await transport.close("enough")

    asyncio.run(to_the_end())


def refusal(url: str, level: EncryptionLevel, protocol: Protocol, settings: Settings) -> str:
    with pytest.raises(DialError) as refused:
        dial(url, level, protocol, settings)
    return str(refused.value)


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_standard_takes_a_verified_server(
    ours: Authority, settings: Settings, protocol: Protocol, version: ssl.TLSVersion
) -> None:
    with served(at_most(ours.server(), version)) as url:
        dial(url, STANDARD, protocol, settings)


def test_high_takes_a_server_that_verifies_us(
    ours: Authority, settings: Settings, protocol: Protocol
) -> None:
    seen: list[tuple[str, Any]] = []
    demanding = ours.demanding(ours.server())
    with served(demanding, lambda tls: seen.append((tls.version(), tls.getpeercert()))) as url:
        dial(url, HIGH, protocol, settings)
    version, certificate = seen[0]
    assert version == "TLSv1.3"
    assert ("email", "gateway@tests.invalid") in certificate["subjectAltName"]


@pytest.mark.parametrize(
    ("reason", "server"),
    [
        (Reason.TLS_EXPIRED, {"not_before": EARLIER, "not_after": NOW - dt.timedelta(seconds=1)}),
        (Reason.TLS_NOT_YET, {"not_before": NOW + dt.timedelta(days=1), "not_after": LATER}),
        (Reason.TLS_WRONG_HOST, {"host": "other.example"}),
        (Reason.TLS_WRONG_HOST, {"host": "127.0.0.2"}),
    ],
)
@pytest.mark.parametrize("level", [STANDARD, HIGH])
def test_a_certificate_that_does_not_do(
    ours: Authority,
    settings: Settings,
    protocol: Protocol,
    level: EncryptionLevel,
    reason: Reason,
    server: dict[str, Any],
) -> None:
    with served(ours.server(**server)) as url:
        assert reason.advice in refusal(url, level, protocol, settings)


@pytest.mark.parametrize("level", [STANDARD, HIGH])
def test_a_certificate_of_nobody_we_know(
    theirs: Authority, settings: Settings, protocol: Protocol, level: EncryptionLevel, tmp_path: Path
) -> None:
    with served(self_signed(tmp_path)) as url:
        assert Reason.TLS_SELF_SIGNED.told() in refusal(url, level, protocol, settings)
    with served(theirs.server()) as url:
        assert Reason.TLS_UNKNOWN_AUTHORITY.told() in refusal(url, level, protocol, settings)
    with served(theirs.server()) as url:
        system = replace(settings, tls_ca_file=None)  # the authorities of this machine do not know it either
        assert Reason.TLS_UNKNOWN_AUTHORITY.told() in refusal(url, level, protocol, system)


@pytest.mark.parametrize(("level", "version"), [(STANDARD, V1_1), (HIGH, V1_2)])
def test_a_downgrade(
    ours: Authority,
    settings: Settings,
    protocol: Protocol,
    level: EncryptionLevel,
    version: ssl.TLSVersion,
) -> None:
    with served(at_most(ours.server(), version)) as url:
        assert Reason.TLS_VERSION.told() in refusal(url, level, protocol, settings)


@pytest.mark.parametrize(
    ("server", "reason"),
    [(lambda: http_agent(None), Reason.TLS_PLAIN), (lambda: agent({}), Reason.TLS_ENDED)],
)
def test_a_plain_server_behind_https(
    settings: Settings, protocol: Protocol, server: Callable[[], AbstractContextManager[str]], reason: Reason
) -> None:
    with server() as url:
        assert reason.told() in refusal(url.replace("http:", "https:"), STANDARD, protocol, settings)


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_client_certificate_that_is_not_sent(
    ours: Authority, settings: Settings, protocol: Protocol, version: ssl.TLSVersion
) -> None:
    # TLS 1.2 has one alert for this and for the lack of a common cipher (RFC 5246, section 7.4.6).
    reason = Reason.TLS_CLIENT_WANTED if version is V1_3 else Reason.TLS_NO_AGREEMENT
    with served(at_most(ours.demanding(ours.server()), version)) as url:
        assert reason.told() in refusal(url, STANDARD, protocol, settings)


@pytest.mark.parametrize("dates", [{}, {"not_before": EARLIER, "not_after": NOW - dt.timedelta(days=1)}])
def test_a_client_certificate_that_the_server_refuses(
    ours: Authority, theirs: Authority, settings: Settings, protocol: Protocol, dates: dict[str, Any]
) -> None:
    issuer = ours if dates else theirs
    settings = replace(settings, **issuer.client(**dates))
    with served(ours.demanding(ours.server())) as url:
        told = refusal(url, HIGH, protocol, settings)
    assert Reason.TLS_CLIENT_REFUSED.told(why="certificate expired" if dates else "unknown ca")[:60] in told
    assert Reason.TLS_CLIENT_REFUSED.advice in told


def test_a_server_that_cuts_the_encrypted_connection(
    ours: Authority, settings: Settings, protocol: Protocol
) -> None:
    context = ours.server()
    context.sslsocket_class = Resetting
    with served(context) as url:
        assert Reason.TLS_RESET.told() in refusal(url, HIGH, protocol, settings)


def test_a_renewed_certificate_is_used_from_the_next_dial_on(
    ours: Authority, theirs: Authority, settings: Settings, protocol: Protocol
) -> None:
    settings = replace(settings, **theirs.client())
    with served(ours.demanding(ours.server())) as url:
        assert Reason.TLS_CLIENT_REFUSED.advice in refusal(url, HIGH, protocol, settings)
        for name, renewed in ours.client().items():
            renewed.replace(getattr(settings, name))
        dial(url, HIGH, protocol, settings)


def test_our_own_files_that_do_not_do(
    ours: Authority, theirs: Authority, settings: Settings, protocol: Protocol, tmp_path: Path
) -> None:
    mixed = replace(settings, tls_client_key=theirs.client()["tls_client_key"])
    (tmp_path / "empty").touch()
    url = f"https://{HOST}:9"
    for broken in (
        mixed,
        replace(settings, tls_client_cert=tmp_path / "absent"),
        replace(settings, tls_ca_file=tmp_path / "empty"),
        replace(settings, tls_client_key=ours.client()["tls_client_cert"]),
    ):
        assert Reason.TLS_FILES.advice in refusal(url, HIGH, protocol, broken)
    none = replace(settings, tls_client_cert=None, tls_client_key=None)
    assert Reason.NO_CLIENT_CERTIFICATE.told() in refusal(url, HIGH, protocol, none)
