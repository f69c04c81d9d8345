"""Where a dial goes: the endpoint resolved, every address checked, and what keeps the connection safe."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import msgspec

from app.errors import DialError
from app.gateway import credentials, tls
from app.gateway.causes import plain
from app.gateway.cookies import Cookies
from app.protocol.addresses import seen_through
from app.protocol.endpoints import check_encryption, parse_endpoint
from app.protocol.policy import refused_as_own
from app.protocol.reasons import Reason

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv6Address

    from app.config import Settings
    from app.protocol.endpoints import Endpoint
    from app.protocol.states import EncryptionLevel


TRIED: Final = 4
"""Addresses of a name that one attempt dials, at most: each may take as long as a dial may."""


@dataclass(frozen=True, slots=True)
class Address:
    """A checked target: `ip` is dialled, `endpoint` stays the name that TLS and `Host` are about."""

    endpoint: Endpoint
    ip: str
    tls: ssl.SSLContext | None
    headers: dict[str, str]
    cookies: Cookies = field(default_factory=Cookies)
    others: tuple[str, ...] = ()
    """What else the name resolves to, checked as well."""

    def in_turn(self) -> Iterator[Address]:
        """Yield the target with each address that may be dialled, in the resolver's order (RFC 6724)."""
        for ip in (self.ip, *self.others)[:TRIED]:
            yield replace(self, ip=ip)

    @property
    def dialled(self) -> Endpoint:
        """The endpoint with the checked address in the name's place."""
        return msgspec.structs.replace(self.endpoint, host=self.ip)


async def find(
    endpoint_url: str, level: EncryptionLevel, credential: str | None, settings: Settings
) -> Address:
    """Resolve and check a container's endpoint before a dial.

    All addresses of a name must pass, for the next look-up could return another of them. The credential is
    read last, for a target that has passed.

    Raises:
        EndpointRefused: the address or its protection is not allowed.
        DialError: the name cannot be resolved, or the credential not be read.
    """
    endpoint, policy = parse_endpoint(endpoint_url), settings.endpoint_policy()
    policy.check_endpoint(endpoint)
    addresses = await _resolve(endpoint.host)
    for ip in addresses:
        policy.check_address(ip)
    for service in policy.sharing_port(endpoint):
        if _meet(addresses, await _resolve(service.host)):
            raise refused_as_own(endpoint, service)
    check_encryption(level, endpoint, trusted=all(policy.trusts(ip) for ip in addresses))
    context = await tls.context(level, settings) if endpoint.encrypted else None
    ip, *others = dict.fromkeys(addresses)
    address = Address(endpoint, ip, context, {}, others=tuple(others))
    if credential is None:
        return address
    secret = await asyncio.to_thread(credentials.read, credential, settings)
    return replace(address, headers={"Authorization": f"Bearer {secret}"})


async def _resolve(host: str) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise DialError(Reason.UNRESOLVED.told(host=host, why=plain(error))) from error
    return [str(address[0]) for *_, address in found]


def _meet(dialled: list[str], own: list[str]) -> bool:
    """Tell whether one of some addresses is one of our own, or both are of this machine.

    A listener on one of this machine's addresses may well be reached by another, such as 127.0.0.2.
    """
    ours = {seen_through(ip) for ip in own}
    theirs = {seen_through(ip) for ip in dialled}
    return not ours.isdisjoint(theirs) or (any(map(_is_here, ours)) and any(map(_is_here, theirs)))


def _is_here(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether an address is one of this machine: only to such a one can a socket be bound."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
