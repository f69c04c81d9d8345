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
    from pathlib import Path

    from app.gateway.address import Address

NONE, STANDARD, HIGH = EncryptionLevel.NONE, EncryptionLevel.STANDARD, EncryptionLevel.HIGH


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "credentials").mkdir()
    return Settings(credential_names=frozenset({"AGENT_KEY"}), credential_dir=tmp_path / "credentials")


def _find(
    settings: Settings, url: str, level: EncryptionLevel = NONE, credential: str | None = None
) -> Address:
    return asyncio.run(find(url, level, credential, settings))


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


def test_a_credential_is_read_when_dialling(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_KEY", " from the environment\n")
    (tmp_path / "credentials" / "agent").write_text("from a file\n")
    for reference, secret in (("env:AGENT_KEY", "from the environment"), ("file:agent", "from a file")):
        address = _find(settings, "http://127.0.0.1", credential=reference)
        assert address.headers == {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize(
    ("reference", "error", "why"),
    [
        ("env:AGENT_KEY", DialError, "the credential env:AGENT_KEY is empty"),
        ("env:CONSOLE_SECRET_KEY", EndpointRefused, "not allowed by CONSOLE_CREDENTIAL_NAMES"),
        ("env:PATH", EndpointRefused, "not allowed by CONSOLE_CREDENTIAL_NAMES"),
        ("file:..", EndpointRefused, "outside the folder of credentials"),
        ("file:../secret", EndpointRefused, "outside the folder of credentials"),
        ("file:/etc/hostname", EndpointRefused, "outside the folder of credentials"),
        ("file:link", EndpointRefused, "outside the folder of credentials"),
        ("file:absent", DialError, "cannot be read: FileNotFoundError"),
        ("file:blank", DialError, "the credential file:blank is empty"),
        ("file:binary", DialError, "cannot be read: UnicodeDecodeError"),
        ("file:split", DialError, "must be one line of printable ASCII"),
    ],
)
def test_a_credential_that_cannot_be_had(
    settings: Settings, tmp_path: Path, reference: str, error: type[DialError], why: str
) -> None:
    folder = tmp_path / "credentials"
    (tmp_path / "secret").write_text("not for containers")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "blank").write_text(" \n")
    (folder / "binary").write_bytes(b"\xff\xfe")
    (folder / "split").write_text("one\nX-Injected: two")
    with pytest.raises(error, match=why):
        _find(settings, "http://127.0.0.1", credential=reference)


def test_a_file_needs_its_folder(settings: Settings) -> None:
    with pytest.raises(EndpointRefused, match="CONSOLE_CREDENTIAL_DIR"):
        _find(replace(settings, credential_dir=None), "http://127.0.0.1", credential="file:agent")
