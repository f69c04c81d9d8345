"""How a connection ends: who ended it, the close code, the reason stored, what it means and what to do.

One table, from which the gateway takes its words; docs/gateway.md lists it. `CLOSE_CODES` is of the peers'.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

ABNORMAL: Final = 1006
NORMAL: Final = 1000

US, PEER, NETWORK = "us", "peer", "network"
"""Who ended it."""


class Ending(Enum):
    """Who, the close code (0: none was sent), the reason with {particulars}, its meaning, and what to do."""

    BROKEN = (
        NETWORK,
        ABNORMAL,
        "the connection broke without a close frame{why}",
        "the container, its host or something between closed or reset the connection",
        "look whether the container crashed or was restarted; many at once point to a proxy or the network",
    )
    HALF_OPEN = (
        NETWORK,
        ABNORMAL,
        "half-open: a ping was not answered and nothing else came for {seconds:g} s",
        "the container's host is gone, stopped, or a firewall drops its packets",
        "look at the host and the network; on a slow network raise CONSOLE_HALF_OPEN_SECONDS",
    )
    IDLE = (
        NETWORK,
        ABNORMAL,
        "nothing was received for {seconds:g} s, pongs included",
        "not a byte came for the container's idle_timeout",
        "as for half-open; an idle_timeout of a few seconds may be too short for this network",
    )
    ONE_WAY = (
        NETWORK,
        ABNORMAL,
        "pings were not answered for {seconds:g} s, although something came: what is sent does not arrive",
        "the way to the container is cut, the way back is not",
        "look at proxies and firewalls between; a frame that takes longer than idle_timeout does this, too",
    )
    FROZEN = (
        US,
        NORMAL,
        "the agent did not answer within {seconds:g} s, although its socket is open",
        "whatever holds the socket answers pings, but the agent behind it neither answers nor says anything",
        "look whether the agent's process hangs or is stopped; or raise idle_timeout",
    )
    STOPPED = (
        US,
        NORMAL,
        "the container is stopped",
        "its status is stopped, so it is not dialled",
        "start the container, or nothing",
    )
    CHANGED = (
        US,
        NORMAL,
        "its address or configuration was changed",
        "a field was saved that needs another connection: address, path, credential, compression, encryption",
        "nothing: it is dialled anew at once",
    )
    REMOVED = (
        US,
        NORMAL,
        "the container was removed",
        "an administrator removed it from the console; callers are sent 1001 with this",
        "nothing",
    )
    STOPPING = (
        US,
        NORMAL,
        "the gateway is stopping",
        "the gateway was told to stop (SIGTERM) and ended its connections in order",
        "nothing: another gateway, or this one when it is back, dials anew",
    )
    HANDED_OVER = (
        US,
        NORMAL,
        "the gateway no longer holds this container",
        "its lease went to another gateway",
        "nothing; if it happens often, look for gateways that are overloaded or whose machine stands still",
    )
    GATEWAY_GONE = (
        US,
        0,
        "the gateway that held the connection is gone",
        "a gateway was killed, or lost its lease; another one took over and found the connection open",
        "look at that gateway's end in its log",
    )
    GAVE_UP = (
        US,
        NORMAL,
        "gave up after {attempts} attempts: {why}",
        "max_reconnect_attempts were made; connections lost before they were stable count, too",
        "look at the reason behind the colon; after CONSOLE_REDIAL_INTERVAL it is tried again",
    )
    MISTAKE = (
        US,
        NORMAL,
        "the gateway made a mistake: {why}; it is in its log",
        "a defect of the console's own",
        "report it with the traceback from the gateway's log",
    )

    @property
    def by(self) -> str:
        return self.value[0]

    @property
    def code(self) -> int:
        return self.value[1]

    @property
    def sentence(self) -> str:
        """The reason as it is stored, with {particulars} to fill in."""
        return self.value[2]

    @property
    def meaning(self) -> str:
        return self.value[3]

    @property
    def advice(self) -> str:
        return self.value[4]

    def told(self, **particulars: object) -> str:
        """Return the reason with its particulars."""
        return self.sentence.format_map(particulars)


class CloseCode(NamedTuple):
    """What a close code says, and what an operator makes of it."""

    meaning: str
    advice: str


CLOSE_CODES: Final = {
    1000: CloseCode("closed in order", "no proof of health: crashed agents were seen to send it, too"),
    1001: CloseCode(
        "going away: the other side stops or moves on", "nothing, if it was restarted on purpose"
    ),
    1002: CloseCode("protocol error: a frame broke the rules", "look which frame came last; report it"),
    1003: CloseCode("data of a kind that is not accepted", "look which frame came last"),
    1005: CloseCode("closed without a code", "as for 1000"),
    1006: CloseCode("no close frame: the connection broke", "look at the host, the network and proxies"),
    1007: CloseCode("text that is no UTF-8, or does not decompress", "a defect of the sender: report it"),
    1008: CloseCode("refused by a policy of the other side", "check the credential and the container's log"),
    1009: CloseCode("a frame larger than is accepted", "frames may have 16 MiB, decompressed"),
    1010: CloseCode("an extension was missed", "try it with compression_enabled switched over"),
    1011: CloseCode("the other side met an error of its own", "look into the container's log"),
    1012: CloseCode("the other side restarts", "nothing: it is dialled again"),
    1013: CloseCode("try again later; to a caller: it does not keep up", "let the caller read faster"),
    1014: CloseCode("a proxy got a bad answer from behind", "look at the proxy and what is behind it"),
    1015: CloseCode("the TLS handshake failed", "see the reasons of TLS"),
}
"""RFC 6455, section 7.4.1, and IANA's registry. 3000 to 4999 belong to libraries and applications."""
