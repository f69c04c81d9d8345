"""Which addresses the gateway may dial: the allow-list, and what no allow-list can open."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from app.errors import EndpointRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Network

# The first that holds the address gives the reason. Cloud metadata services hand out credentials to who asks.
NEVER: Final = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("169.254.169.254/32", "a cloud metadata service"),
        ("fd00:ec2::254/128", "a cloud metadata service"),
        ("fd20:ce::254/128", "a cloud metadata service"),
        ("100.100.100.200/32", "a cloud metadata service"),
        ("168.63.129.16/32", "a cloud metadata service"),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("0.0.0.0/8", "unspecified"),
        ("::/128", "unspecified"),
        ("255.255.255.255/32", "broadcast"),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052


def check_address(address: str, allowed_networks: Iterable[IPv4Network | IPv6Network]) -> None:
    """Refuse an address that a name resolved to unless the gateway may dial it.

    An IPv4 address within an IPv6 one is seen through: a mapped one is judged as the IPv4 address that it is,
    and those of NAT64 and 6to4 must pass as both.

    Raises:
        EndpointRefused: with the reason.
    """
    dialled = ip_address(address)
    if isinstance(dialled, IPv6Address) and dialled.ipv4_mapped:
        dialled = dialled.ipv4_mapped
    for reached in _reached(dialled):
        for network, reason in NEVER:
            if reached.version == network.version and reached in network:
                raise EndpointRefused(f"{address} is {reason}, which is never dialled")
    if not any(dialled.version == network.version and dialled in network for network in allowed_networks):
        raise EndpointRefused(f"{address} is in none of the allowed networks")


def _reached(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    yield address
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            yield IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.sixtofour:
            yield address.sixtofour
