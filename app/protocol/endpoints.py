"""Where a container may be: the form of its endpoint URL, and what the gateway puts on the wire for it."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from app.errors import EndpointRefused, Invalid
from app.protocol.addresses import check_address
from app.protocol.reasons import Reason
from app.protocol.states import EncryptionLevel

if TYPE_CHECKING:
    from urllib.parse import SplitResult

__all__ = [
    "DEFAULT_PORTS",
    "Endpoint",
    "check_address",
    "check_encryption",
    "http_url",
    "parse_endpoint",
    "websocket_url",
]

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_LENGTH: Final = 2048  # longer ones fail in some proxy on the way
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~:/\[\]@!$&'()*+,;=%?#-]+")
_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
# What inet_aton takes for a number: 2130706433 and 0x7f.1 are spellings of 127.0.0.1 that hide it.
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


class Endpoint(msgspec.Struct, frozen=True):
    """A container's base address; `host` is a lower-case name or an address without brackets.

    `path` is empty or begins with a slash and does not end with one.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as they stand in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """The host as certificates and allow-lists have it: without the dot that ends an absolute name."""
        return self.host.removesuffix(".")

    @property
    def encrypted(self) -> bool:
        """Tell whether the connection is made over TLS."""
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_endpoint(url: str) -> Endpoint:
    """Read a container's endpoint URL.

    Raises:
        Invalid: for the field `endpoint_url`, with what is allowed.
    """
    parts = _split(url)
    if parts.scheme not in DEFAULT_PORTS:
        raise _invalid("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise _invalid("must not hold a user or a password; name a credential reference instead")
    if "?" in url or "#" in url:
        raise _invalid("must not have a query or a fragment")
    return Endpoint(parts.scheme, _host(parts), _port(parts), parts.path.rstrip("/"))


def websocket_url(endpoint: Endpoint, acp_path: str) -> str:
    """Return the ws or wss URL of a path under the endpoint."""
    scheme = "wss" if endpoint.encrypted else "ws"
    return f"{scheme}://{endpoint.authority}{_under(endpoint, acp_path)}"


def http_url(endpoint: Endpoint, path: str) -> str:
    """Return the http or https URL of a path under the endpoint."""
    return f"{endpoint.scheme}://{endpoint.authority}{_under(endpoint, path)}"


def check_encryption(level: EncryptionLevel, endpoint: Endpoint, *, trusted: bool) -> None:
    """Refuse an endpoint that is less protected than its configuration asks for.

    Args:
        level: the configuration's `encryption_level`.
        endpoint: where the container is.
        trusted: whether the address is loopback or in a network that the settings trust.

    Raises:
        EndpointRefused: with what to change.
    """
    if endpoint.encrypted:
        return
    if level is not EncryptionLevel.NONE:
        raise EndpointRefused(Reason.NOT_ENCRYPTED.told(endpoint=endpoint, level=level))
    if not trusted:
        raise EndpointRefused(Reason.NOT_TRUSTED.told(endpoint=endpoint))


def _split(url: str) -> SplitResult:
    if len(url) > _MAX_LENGTH:
        raise _invalid(f"must not be longer than {_MAX_LENGTH} characters")
    if not _CHARACTERS.fullmatch(url):
        raise _invalid(
            "must be an http or https URL without spaces; write other characters as %XX, and of names as xn--"
        )
    try:
        return urlsplit(url)
    except ValueError as error:
        raise _invalid(f"is not a URL ({error})") from error


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise _invalid("must have a port from 1 to 65535, or none")
    return port or DEFAULT_PORTS[parts.scheme]


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host:
        raise _invalid("must name a host")
    if parts.netloc.startswith("["):
        return _address(
            IPv6Address, host.replace("%", "/")
        )  # a zone is of this machine only: no address here
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _address(IPv4Address, host)
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid(f"has a host name that is none: {host}")
    return host


def _address(kind: type[IPv4Address | IPv6Address], host: str) -> str:
    try:
        return str(kind(host))
    except AddressValueError as error:
        raise _invalid(f"has a host that is neither a name nor an address: {host}") from error


def _under(endpoint: Endpoint, path: str) -> str:
    return f"{endpoint.path}/{path.removeprefix('/')}"


def _invalid(problem: str) -> Invalid:
    return Invalid("endpoint_url", problem)
