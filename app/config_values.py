"""How the settings' values are read: text in, value out; a ValueError says what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import psycopg
import re2
from psycopg.conninfo import conninfo_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Network = IPv4Network | IPv6Network

MEBIBYTE: Final = 1024 * 1024
SECRET_KEY_LENGTH: Final = 32
"""Characters; of an URL-safe alphabet these are 192 bits, more than the session signature's 160 (SHA-1)."""

LAST_PORT: Final = 65535
POSTGRESQL_PORT: Final = 5432


@dataclass(frozen=True, slots=True)
class Bind:
    """An address to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def reached_from_here(self) -> Bind:
        """Give the address under which this machine itself reaches a listener here."""
        every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — looked up, not listened on
        return Bind(every.get(self.host, self.host), self.port)


def database_url(text: str) -> str:
    # The text is not repeated in the error: it may hold a password.
    allowed = "must be postgresql://user@host:5432/database or postgresql:///database?host=/run/postgresql"
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError(allowed)
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise ValueError(allowed) from None
    return text


def database_listeners(url: str) -> list[Bind]:
    """Give where a database is reached by TCP: none for Unix sockets (libpq, Connection Strings)."""
    given = conninfo_to_dict(url)
    addresses = str(given.get("hostaddr") or given.get("host") or "").split(",")
    numbers = str(given.get("port") or POSTGRESQL_PORT).split(",")
    if len(numbers) < len(addresses):
        numbers *= len(addresses)
    return [
        Bind(host, int(port or POSTGRESQL_PORT))
        for host, port in zip(addresses, numbers, strict=False)
        if host and not host.startswith(("/", "@"))
    ]


def bind(text: str) -> Bind:
    matched = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\s\[\]:/]+)):(?P<port>\d{1,5})", text)
    if matched is None or not 1 <= int(matched["port"]) <= LAST_PORT:
        raise ValueError(f"{text!r} is not host:port or [IPv6 address]:port with a port from 1 to 65535")
    return Bind(matched["v6"] or matched["host"], int(matched["port"]))


def websocket_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{text!r} is not ws://host:port or wss://host:port")
    return text.rstrip("/")


def secret_key(text: str) -> str:
    if len(text) < SECRET_KEY_LENGTH:
        raise ValueError(f"must have at least {SECRET_KEY_LENGTH} characters, has {len(text)}")
    return text


def networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part) for part in _parts(text))
    except ValueError as error:
        raise ValueError(f"{error}; write networks as 10.0.0.0/8, fd00::/8 with commas between") from error


def hosts(text: str) -> tuple[str, ...]:
    names = tuple(part.lower().strip("[]").removeprefix("*").strip(".") for part in _parts(text))
    for name in names:
        if not re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]+", name):
            raise ValueError(
                f"{name!r} is neither a host name nor an address; write agents.internal,127.0.0.1"
            )
    return names


def ports(text: str) -> tuple[range, ...]:
    return tuple(_port_range(part) for part in _parts(text))


def _port_range(text: str) -> range:
    matched = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    first, last = (int(matched[1]), int(matched[2] or matched[1])) if matched else (0, 0)
    if not 1 <= first <= last <= LAST_PORT:
        raise ValueError(f"{text!r} is no port and no range of them; write 443,8000-8999")
    return range(first, last + 1)


def credential_names(text: str) -> frozenset[str]:
    names = frozenset(_parts(text))
    for name in names:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise ValueError(f"{name!r} is not the name of an environment variable")
        if name == "DATABASE_URL" or name.startswith("CONSOLE_"):
            raise ValueError(f"{name} belongs to the console itself and is sent to no container")
    return names


def endpoint_url(text: str) -> str:
    parts = urlsplit(text)
    odd = "@" in parts.netloc or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
        # The text is not repeated in the error: such URLs are often secrets.
        raise ValueError("is not https://host/path, without a user, a query and a fragment")
    return text


def credential(text: str) -> str:
    if not re.fullmatch(r"(env:[A-Za-z_]\w*|file:[\w.-]+(/[\w.-]+)*)", text, re.ASCII):
        raise ValueError("write a reference, env:NAME or file:NAME, never the secret itself")
    return text


def file(text: str) -> Path:
    if not Path(text).is_file():
        raise ValueError(f"there is no file {text!r}")
    return Path(text)


def secret_names(text: str) -> tuple[str, ...]:
    names = tuple(_parts(text))
    for name in names:
        if not re.fullmatch(r"[A-Za-z][\w.-]{2,63}", name, re.ASCII):
            raise ValueError(f"{name!r} is no name such as X-Badge or staffNumber, of 3 to 64 characters")
    return names


def secret_patterns(text: str) -> tuple[tuple[str, str], ...]:
    """Read a file of lines `kind => pattern`; empty ones and those that begin with # are passed over."""
    try:
        lines = file(text).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{text!r} cannot be read: {error}") from error
    return tuple(
        _secret_pattern(number, line.strip())
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def _secret_pattern(number: int, line: str) -> tuple[str, str]:
    kind, arrow, pattern = (part.strip() for part in line.partition("=>"))
    if not arrow or not re.fullmatch(r"[a-z][a-z0-9 ]{0,30}", kind):
        raise ValueError(f"line {number}: write kind => pattern, with a kind such as: badge number")
    options = re2.Options()
    options.log_errors = False
    try:
        finds_nothing = re2.compile(pattern, options).search("") is not None
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise ValueError(f"line {number}: not a pattern of RE2: {reason}") from error
    if finds_nothing:
        raise ValueError(f"line {number}: the pattern matches an empty text, and so everywhere")
    return kind, pattern


def folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise ValueError(f"there is no folder {text!r}")
    return Path(text)


def flag(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError(f"{text!r} is neither true nor false")
    return words[text.lower()]


def integer(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return parse


def mebibytes(least: int, most: int) -> Callable[[str], int]:
    read = integer(least, most)
    return lambda text: read(text) * MEBIBYTE


def seconds(least: float, most: float = 86_400) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d+)?", text) or not least <= float(text) <= most:
            raise ValueError(f"{text!r} is not a number of seconds from {least:g} to {most:g}")
        return float(text)

    return parse


def log_level(text: str) -> str:
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    if text.upper() not in levels:
        raise ValueError(f"{text!r} is not one of {', '.join(levels)}")
    return text.upper()


def _parts(text: str) -> Iterable[str]:
    return (part.strip() for part in text.split(",") if part.strip())
