"""Which endpoints the settings allow: by host, port and network, and never the console itself.

What an endpoint says by itself is checked at registration and before every dial; the addresses that its name
resolves to, before every dial.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from app.errors import EndpointRefused
from app.protocol.addresses import check_address, is_address, seen_through
from app.protocol.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

    from app.protocol.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class OwnService:
    """Where something of the console itself listens; `what` says what, `host` is a name or an address."""

    what: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPolicy:
    """The allow-lists; `hosts` and `ports` allow any when they are empty."""

    networks: tuple[IPv4Network | IPv6Network, ...]
    trusted: tuple[IPv4Network | IPv6Network, ...]
    hosts: tuple[str, ...] = ()
    """Names that stand for themselves and all below them, and addresses; lower case, no dot at the ends."""
    ports: tuple[range, ...] = ()
    own: tuple[OwnService, ...] = ()

    def check_endpoint(self, endpoint: Endpoint) -> None:
        """Refuse what can be known without resolving a name. Raises EndpointRefused."""
        if self.hosts and not any(_is_under(endpoint.name, allowed) for allowed in self.hosts):
            raise EndpointRefused(Reason.HOST.told(host=endpoint.host))
        if self.ports and not any(endpoint.port in allowed for allowed in self.ports):
            raise EndpointRefused(Reason.PORT.told(authority=endpoint.authority))
        if is_address(endpoint.host):
            self.check_address(endpoint.host)
        for service in self.sharing_port(endpoint):
            if endpoint.name == service.host or (_is_loopback(endpoint.name) and _is_here(service.host)):
                raise refused_as_own(endpoint, service)

    def check_address(self, address: str) -> None:
        """Refuse an address that a name resolved to. Raises EndpointRefused."""
        check_address(address, self.networks)

    def trusts(self, address: str) -> bool:
        """Tell whether plain text may go to an address: it is loopback, or in a trusted network."""
        seen = seen_through(address)
        return seen.is_loopback or any(
            seen.version == network.version and seen in network for network in self.trusted
        )

    def sharing_port(self, endpoint: Endpoint) -> Iterable[OwnService]:
        """Return those of the console's own that the endpoint may be, for they have its port."""
        return [service for service in self.own if service.port == endpoint.port]


def refused_as_own(endpoint: Endpoint, service: OwnService) -> EndpointRefused:
    """Return the refusal of an endpoint that is the console's own."""
    return EndpointRefused(Reason.OWN_PORT.told(authority=endpoint.authority, what=service.what))


def _is_under(name: str, allowed: str) -> bool:
    return name == allowed or name.endswith(f".{allowed}")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (is_address(host) and seen_through(host).is_loopback)


def _is_here(host: str) -> bool:
    """Tell whether a listener there is on loopback, or on every address."""
    return _is_loopback(host) or (is_address(host) and ip_address(host).is_unspecified)
