"""Which addresses the gateway may dial: the allow-list, and what no allow-list can open."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from app.errors import EndpointRefused
from app.protocol.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Network

# The first that holds the address gives the reason. Cloud metadata services hand out credentials to who asks.
NEVER: Final = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("169.254.169.254/32", "a cloud metadata service"),
        ("169.254.170.2/32", "a cloud metadata service"),
        ("169.254.170.23/32", "a cloud metadata service"),
        ("fd00:ec2::254/128", "a cloud metadata service"),
        ("fd00:ec2::23/128", "a cloud metadata service"),
        ("fd20:ce::254/128", "a cloud metadata service"),
        ("100.100.100.200/32", "a cloud metadata service"),
        ("168.63.129.16/32", "a cloud metadata service"),
        ("192.0.0.192/32", "a cloud metadata service"),
        ("169.254.0.0/16", "link-local"),
        ("fe80::/10", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("0.0.0.0/8", "unspecified"),
        ("::/128", "unspecified"),
        ("255.255.255.255/32", "broadcast"),
    )
)
# IPv6 networks whose addresses hold an IPv4 one, and by how many bits that is shifted.
_HOLDING_IPV4: Final = tuple(
    (IPv6Network(network), shift)
    for network, shift in (
        ("::/96", 0),  # RFC 4291, section 2.5.5.1: IPv4-compatible
        ("::ffff:0:0:0/96", 0),  # RFC 2765: IPv4-translated
        ("64:ff9b::/96", 0),  # RFC 6052: NAT64
        ("64:ff9b:1::/48", 0),  # RFC 8215: local NAT64, here with the address at its end
        ("2002::/16", 80),  # RFC 3056: 6to4
    )
)
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""RFC 5214: what stands before the IPv4 address in the lower half of such an address."""


def check_address(address: str, allowed_networks: Iterable[IPv4Network | IPv6Network]) -> None:
    """Refuse an address that a name resolved to unless the gateway may dial it.

    An IPv4 address within an IPv6 one is seen through: a mapped one is judged as the IPv4 address that it is,
    and those of NAT64, 6to4, Teredo and the like must pass as both.

    Raises:
        EndpointRefused: with the reason.
    """
    dialled = seen_through(address)
    for reached in _reached(dialled):
        for network, what in NEVER:
            if reached.version == network.version and reached in network:
                raise EndpointRefused(Reason.NEVER.told(address=address, what=what))
    if not any(dialled.version == network.version and dialled in network for network in allowed_networks):
        raise EndpointRefused(Reason.NETWORK.told(address=address))


def is_address(host: str) -> bool:
    """Tell whether a host is an address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def seen_through(address: str) -> IPv4Address | IPv6Address:
    """Return an address, and of an IPv4-mapped one the IPv4 address that it is."""
    parsed = ip_address(address)
    return (isinstance(parsed, IPv6Address) and parsed.ipv4_mapped) or parsed


def _reached(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Give an address, and those that a translator or a tunnel may take it to."""
    yield address
    if isinstance(address, IPv4Address) or address.is_loopback:
        return
    number = int(address)
    for network, shift in _HOLDING_IPV4:
        if address in network:
            yield IPv4Address(number >> shift & 0xFFFF_FFFF)
    if address.teredo:  # server and client (RFC 4380)
        yield from address.teredo
    if number >> 32 & 0xFFFF_FFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFF_FFFF)
