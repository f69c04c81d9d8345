"""Where a dial may go, resolved for real on loopback, and what it takes along."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from app.config import Settings
from app.errors import DialError, EndpointRefused, Invalid
from app.gateway.address import find
from app.protocol.states import EncryptionLevel

if TYPE_CHECKING:
    from app.gateway.address import Address

NONE, STANDARD, HIGH = EncryptionLevel.NONE, EncryptionLevel.STANDARD, EncryptionLevel.HIGH


@pytest.fixture
def settings() -> Settings:
    return Settings()


def _find(settings: Settings, url: str, level: EncryptionLevel = NONE) -> Address:
    return asyncio.run(find(url, level, None, settings))


@pytest.mark.parametrize(
    ("url", "addresses", "dialled"),
    [
        ("http://127.0.0.1:8080", {"127.0.0.1"}, "http://127.0.0.1:8080"),
        ("http://localhost:8080/base/", {"127.0.0.1", "::1"}, "/base"),
        ("http://[::1]:8080", {"::1"}, "http://[::1]:8080"),
        ("http://127.1.2.3", {"127.1.2.3"}, "http://127.1.2.3:80"),
    ],
)
def test_loopback_is_found(settings: Settings, url: str, addresses: set[str], dialled: str) -> None:
    address = _find(settings, url)
    assert address.ip in addresses
    assert dialled in str(address.dialled)
    assert (address.tls, address.headers) == (None, {})


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433:80",
        "http://0x7f.1",
        "http://0177.0.0.1",
        "http://127.1",
        "ftp://127.0.0.1",
        "http://",
    ],
)
def test_addresses_in_disguise_are_no_endpoints(settings: Settings, url: str) -> None:
    with pytest.raises(Invalid, match="endpoint_url"):
        _find(settings, url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://10.0.0.1", "10.0.0.1 is in none of the allowed networks"),
        ("http://[::ffff:10.0.0.1]", "is in none of the allowed networks"),
        ("http://169.254.169.254", "a cloud metadata service, which is never dialled"),
        ("http://[fe80::1]", "link-local, which is never dialled"),
        ("http://0.0.0.0", "unspecified, which is never dialled"),
    ],
)
def test_what_is_not_allowed_is_refused(settings: Settings, url: str, why: str) -> None:
    with pytest.raises(EndpointRefused, match=why):
        _find(settings, url)


def test_no_allow_list_opens_what_is_never_dialled(settings: Settings) -> None:
    everywhere = replace(settings, allowed_networks=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    with pytest.raises(EndpointRefused, match="never dialled"):
        _find(everywhere, "http://169.254.169.254")
    with pytest.raises(EndpointRefused, match="neither loopback nor in a trusted network"):
        _find(everywhere, "http://10.0.0.1")


def test_a_name_that_nobody_has(settings: Settings) -> None:
    with pytest.raises(DialError, match=r"no-such-host\.invalid cannot be resolved"):
        _find(settings, "http://no-such-host.invalid")


def test_encryption_is_what_was_configured(settings: Settings) -> None:
    with pytest.raises(EndpointRefused, match="is not encrypted, but the encryption level is standard"):
        _find(settings, "http://127.0.0.1", STANDARD)
    with pytest.raises(EndpointRefused, match="CONSOLE_TLS_CLIENT_CERT"):
        _find(settings, "https://127.0.0.1", HIGH)
    tls = _find(settings, "https://127.0.0.1", STANDARD).tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2
