"""The operating system's own words for what ends a dial or a connection, and the resolver's."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from app.protocol.explanations.entry import Explanation, Family

if TYPE_CHECKING:
    from collections.abc import Mapping

_NETWORK: Final = "look at the network between gateway and container: routes, firewalls, interfaces"
_DEFECT: Final = "report it with the gateway's log"

# What connect(2), read(2), write(2) and open(2) say of a container, a file or the gateway's own machine.
ERRORS: Final[Mapping[int, tuple[str, str, str]]] = {
    errno.ECONNREFUSED: (
        "connection-refused",
        "nobody listens at that address and port: the container does not run, or is still starting",
        "start the container, or correct the port",
    ),
    errno.ECONNRESET: (
        "connection-reset",
        "the container, its host or a proxy cut the connection, as a crash does",
        "look whether the container crashed or was restarted; look at proxies between",
    ),
    errno.ECONNABORTED: (
        "connection-aborted",
        "the gateway's own system gave the connection up",
        _NETWORK,
    ),
    errno.EPIPE: (
        "broken-pipe",
        "the other side had closed the connection before something was written to it",
        "look whether the container crashed or was restarted",
    ),
    errno.ETIMEDOUT: (
        "timed-out",
        "packets are dropped: the host is gone, or a firewall is in the way",
        "look whether the host runs, and at firewalls between",
    ),
    errno.EHOSTUNREACH: (
        "no-route",
        "the host is switched off, or no route leads to it",
        _NETWORK,
    ),
    errno.EHOSTDOWN: ("host-down", "the host does not answer in its own network", "start the host"),
    errno.ENETUNREACH: (
        "network-unreachable",
        "the gateway's machine has no route to that network; often an IPv6 address on a machine without IPv6",
        _NETWORK,
    ),
    errno.ENETDOWN: ("network-down", "an interface of the gateway's machine is down", _NETWORK),
    errno.EADDRNOTAVAIL: (
        "no-local-address",
        "the gateway's machine has no address or no free port for another connection",
        "look how many connections it has; widen its range of ports",
    ),
    errno.EACCES: (
        "not-permitted",
        "a rule of the gateway's machine forbids it, or a file is another user's",
        "look at its firewall, and at the file's owner and mode",
    ),
    errno.EPERM: (
        "not-allowed",
        "a firewall or a sandbox of the gateway's machine forbids it",
        "look at its firewall and how the gateway is run",
    ),
    errno.ENOENT: ("no-such-file", "the file was not put there, or has another name", "put it there"),
    errno.ENOTDIR: ("not-a-folder", "a part of the path is no folder", "correct the path"),
    errno.EISDIR: ("is-a-folder", "a folder stands where a file should", "put a file there"),
    errno.EMFILE: (
        "too-many-files",
        "the gateway has as many sockets and files open as it may",
        "raise its limit of open files (ulimit -n, LimitNOFILE), or add a gateway",
    ),
    errno.ENFILE: (
        "too-many-files-of-all",
        "the gateway's machine has as many files open as it may",
        "raise fs.file-max, or see what else has them",
    ),
    errno.ENOMEM: ("no-memory", "the gateway's machine has no memory left", "give it more, or run less"),
    errno.ENOBUFS: ("no-buffers", "the gateway's machine has no buffers left for sockets", "run less on it"),
    errno.EIO: ("io-error", "a disk or a device of the gateway's machine failed", "look at its kernel's log"),
    errno.ENOSPC: ("no-space", "a disk of the gateway's machine is full", "make room on it"),
    errno.EPROTO: ("protocol-error", "the other side broke the rules of the network's protocol", _NETWORK),
    errno.EBADF: ("closed-already", "the gateway used a socket that it had closed", _DEFECT),
    errno.EINVAL: ("invalid-argument", "the address is one that no dial can take", "correct the address"),
}

_RESOLVER: Final = (
    ("name-unknown", "Name or service not known", "the name does not exist, or is misspelt"),
    ("name-not-now", "Temporary failure in name resolution", "the name service does not answer now"),
    ("name-without-address", "No address associated with hostname", "the name exists and has no address"),
    ("name-failed", "Non-recoverable failure in name resolution", "the name service refused to answer"),
)

SYSTEM: Final = (
    *(
        Explanation(code, Family.SYSTEM, os.strerror(number), cause, advice)
        for number, (code, cause, advice) in ERRORS.items()
    ),
    *(
        Explanation(code, Family.SYSTEM, text, cause, "check the name, and the gateway's name service")
        for code, text, cause in _RESOLVER
    ),
    Explanation(
        "timeout",
        Family.SYSTEM,
        "TimeoutError",
        "nothing came within the time that is waited for",
        "look at the host and the network; it may only be overloaded",
        says="it took too long",
    ),
)
