"""The settings: read once from the environment, checked as a whole, never changed afterwards."""

from __future__ import annotations

# ruff: noqa: RUF009 — _variable() gives a dataclasses.field(), made anew for each field like any other
import contextlib
import difflib
import os
import secrets
import tempfile
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from app import config_values as read
from app.config_values import MEBIBYTE, SECRET_KEY_LENGTH, Bind, Network
from app.errors import BadSetting
from app.protocol.policy import EndpointPolicy, OwnService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Bind", "Network", "Settings", "Variable", "variables"]

DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}
LOOPBACK: Final = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

T = TypeVar("T")


class Variable(NamedTuple):
    """An environment variable: its name, how its text is read, and what it is for."""

    name: str
    parse: Callable[[str], object]
    purpose: str


def _variable(name: str, parse: Callable[[str], T], default: T, purpose: str) -> T:
    """Declare a field of Settings together with the variable that sets it."""
    declared: T = field(default=default, metadata={"variable": Variable(name, parse, purpose)})
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment decides; `.env.example` shows every variable with its default."""

    database_url: str | None = _variable(
        "DATABASE_URL",
        read.database_url,
        None,
        "PostgreSQL 15 or newer. Without it, an embedded one is run in CONSOLE_DATA_DIR.",
    )
    bind: Bind = _variable("CONSOLE_BIND", read.bind, Bind("127.0.0.1", 8000), "Where the pages are served.")
    gateway_bind: Bind = _variable(
        "CONSOLE_GATEWAY_BIND", read.bind, Bind("127.0.0.1", 8765), "Where the gateway serves callers."
    )
    gateway_advertise: str = _variable(
        "CONSOLE_GATEWAY_ADVERTISE",
        read.websocket_url,
        "",  # stands for the address it listens on
        "Where other gateways, and callers sent to this one, reach it, if not at CONSOLE_GATEWAY_BIND.",
    )
    demo_bind: Bind = _variable(
        "CONSOLE_DEMO_BIND", read.bind, Bind("127.0.0.1", 8766), "Where `make run` serves its demo fleet."
    )
    gateway_url: str = _variable(
        "CONSOLE_GATEWAY_URL",
        read.websocket_url,
        "",  # stands for the gateway's own address, see __post_init__
        "Where the pages reach the gateway, if not at CONSOLE_GATEWAY_BIND.",
    )
    data_dir: Path = _variable(
        "CONSOLE_DATA_DIR",
        Path,
        Path("var"),
        "Folder of the embedded PostgreSQL and of what is made once: secret key, first sign-in.",
    )
    secret_key: str | None = _variable(
        "CONSOLE_SECRET_KEY",
        read.secret_key,
        None,
        "Signs sessions: 32 random characters or more, the same for every process. Without it, one is made.",
    )
    secure_cookies: bool = _variable(
        "CONSOLE_SECURE_COOKIES", read.flag, False, "Send cookies over https only: true behind a TLS proxy."
    )
    allowed_networks: tuple[Network, ...] = _variable(
        "CONSOLE_ALLOWED_NETWORKS", read.networks, LOOPBACK, "Networks in which containers may be dialled."
    )
    allowed_hosts: tuple[str, ...] = _variable(
        "CONSOLE_ALLOWED_HOSTS",
        read.hosts,
        (),
        "Names that containers may be dialled by, each with all names below it. Without it, any name.",
    )
    allowed_ports: tuple[range, ...] = _variable(
        "CONSOLE_ALLOWED_PORTS",
        read.ports,
        (),
        "Ports that containers may be dialled at. Without it, any but the console's own.",
    )
    trusted_networks: tuple[Network, ...] = _variable(
        "CONSOLE_TRUSTED_NETWORKS",
        read.networks,
        LOOPBACK,
        "Networks in which encryption level none, plain ws and http, is allowed.",
    )
    tls_ca_file: Path | None = _variable(
        "CONSOLE_TLS_CA_FILE",
        read.file,
        None,
        "Authorities (PEM) to verify containers by, instead of the system's.",
    )
    tls_client_cert: Path | None = _variable(
        "CONSOLE_TLS_CLIENT_CERT", read.file, None, "Client certificate (PEM) for encryption level high."
    )
    tls_client_key: Path | None = _variable(
        "CONSOLE_TLS_CLIENT_KEY", read.file, None, "Private key (PEM) of the client certificate."
    )
    credential_names: frozenset[str] = _variable(
        "CONSOLE_CREDENTIAL_NAMES",
        read.credential_names,
        frozenset(),
        "Environment variables that credential references env:NAME may name, with commas between.",
    )
    credential_dir: Path | None = _variable(
        "CONSOLE_CREDENTIAL_DIR",
        read.folder,
        None,
        "Folder that a reference file:NAME is read from.",
    )
    http_poll_interval: float = _variable(
        "CONSOLE_HTTP_POLL_INTERVAL",
        read.seconds(30),
        30.0,
        "Seconds between health checks of a container on HTTP: 30 or more, a check may take seconds.",
    )
    redial_interval: float = _variable(
        "CONSOLE_REDIAL_INTERVAL",
        read.seconds(1),
        60.0,
        "Seconds until a container whose attempts are exhausted is tried again.",
    )
    lease_seconds: int = _variable(
        "CONSOLE_LEASE_SECONDS",
        read.integer(3, 60),
        10,
        "Seconds, 3 to 60, that a gateway's hold on a container lasts without renewal.",
    )
    webhook_url: str = _variable(
        "CONSOLE_WEBHOOK_URL",
        read.endpoint_url,
        "",
        "Is told when a rollout pauses, rolls back or ends: a POST, under the containers' endpoint policy.",
    )
    webhook_secret: str | None = _variable(
        "CONSOLE_WEBHOOK_SECRET",
        read.credential,
        None,
        "Reference env:NAME or file:NAME of the secret that these notifications are signed with.",
    )
    half_open_seconds: float = _variable(
        "CONSOLE_HALF_OPEN_SECONDS",
        read.seconds(2, 300),
        14.0,
        "Seconds, 2 to 300, within which a connection whose peer is gone without a word is found.",
    )
    memory_bytes: int = _variable(
        "CONSOLE_MEMORY_MIB",
        read.mebibytes(8, 65_536),
        64 * MEBIBYTE,
        "MiB of records that may wait for the database in the gateway's memory, 8 to 65536.",
    )
    spool_bytes: int = _variable(
        "CONSOLE_SPOOL_MIB",
        read.mebibytes(8, 1_048_576),
        1024 * MEBIBYTE,
        "MiB that may wait on disk after that while the database is away, 8 to 1048576.",
    )
    spool_dir: Path | None = _variable(
        "CONSOLE_SPOOL_DIR", Path, None, "Folder for that, if not spool in CONSOLE_DATA_DIR."
    )
    offer_fs: bool = _variable(
        "CONSOLE_OFFER_FS", read.flag, False, "Offer containers fs/*, answered by callers."
    )
    offer_terminal: bool = _variable(
        "CONSOLE_OFFER_TERMINAL",
        read.flag,
        False,
        "Offer containers terminal/*, answered by callers.",
    )
    max_viewers: int = _variable(
        "CONSOLE_MAX_VIEWERS", read.integer(1, 1000), 200, "Browsers with live pages at once, 1 to 1000."
    )
    redact_names: tuple[str, ...] = _variable(
        "CONSOLE_REDACT_NAMES",
        read.secret_names,
        (),
        "More names of keys, variables and headers that hold secrets, with commas between.",
    )
    redact_patterns: tuple[tuple[str, str], ...] = _variable(
        "CONSOLE_REDACT_PATTERNS_FILE",
        read.secret_patterns,
        (),
        "File of more forms of secrets, a line each: kind => pattern in RE2's syntax.",
    )
    log_level: str = _variable(
        "CONSOLE_LOG_LEVEL", read.log_level, "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )

    def __post_init__(self) -> None:
        if not self.gateway_url:
            object.__setattr__(self, "gateway_url", f"ws://{self.gateway_bind.reached_from_here()}")
        if (self.tls_client_cert is None) != (self.tls_client_key is None):
            missing = "CONSOLE_TLS_CLIENT_CERT" if self.tls_client_cert is None else "CONSOLE_TLS_CLIENT_KEY"
            raise BadSetting(missing, "a client certificate and its key are set together or not at all")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; an empty value counts as not set. Raises BadSetting with what is allowed."""
        known = variables()
        _refuse_unknown(environ, [variable.name for variable in known.values()])
        values: dict[str, Any] = {}
        for name, variable in known.items():
            if text := environ.get(variable.name, "").strip():
                try:
                    values[name] = variable.parse(text)
                except ValueError as error:
                    raise BadSetting(variable.name, str(error)) from error
        return cls(**values)

    def endpoint_policy(self) -> EndpointPolicy:
        """Give what these settings say of containers' addresses; the console's own are never dialled."""
        gateway = urlsplit(self.gateway_url)
        own = [
            OwnService("its pages", self.bind.host, self.bind.port),
            OwnService("its gateway", self.gateway_bind.host, self.gateway_bind.port),
            OwnService("its gateway", gateway.hostname or "", gateway.port or DEFAULT_PORTS[gateway.scheme]),
        ]
        if self.database_url is not None:
            listeners = read.database_listeners(self.database_url)
            own += [OwnService("its database", each.host, each.port) for each in listeners]
        return EndpointPolicy(
            networks=self.allowed_networks,
            trusted=self.trusted_networks,
            hosts=self.allowed_hosts,
            ports=self.allowed_ports,
            own=tuple(dict.fromkeys(own)),
        )

    def spools_in(self) -> Path:
        """Give the folder in which gateways spool."""
        return self.spool_dir or self.data_dir / "spool"

    def require_secret_key(self) -> str:
        """Give the key that signs sessions: the one set, else one that is made once and kept in data_dir.

        Raises BadSetting where nothing can be kept there.
        """
        return self.secret_key or self.keep_once(
            "secret_key", lambda: secrets.token_urlsafe(SECRET_KEY_LENGTH)
        )

    def keep_once(self, name: str, make: Callable[[], str]) -> str:
        """Give the text kept in data_dir under this name; where there is none, keep what `make()` gives.

        Raises BadSetting where the folder cannot be made, written to or read.
        """
        try:
            return _keep_once(self.data_dir / name, make)
        except OSError as error:
            problem = f"{str(self.data_dir)!r} must be a folder of this user's: {error.strerror}"
            raise BadSetting("CONSOLE_DATA_DIR", problem) from error


def variables() -> dict[str, Variable]:
    """Give the variable of every field of Settings, in their order."""
    return {each.name: each.metadata["variable"] for each in fields(Settings)}


def _keep_once(path: Path, make: Callable[[], str]) -> str:
    """Give the text kept in `path`, for its owner's eyes only.

    Processes that come at the same time all get the same text: a link appears whole, and only once.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft:  # made with mode 0600
            draft.write(make() + "\n")
            draft.flush()
            with contextlib.suppress(FileExistsError):
                os.link(draft.name, path)
    return path.read_text().strip()


def _refuse_unknown(environ: Mapping[str, str], known: list[str]) -> None:
    for name in environ:
        if name.startswith("CONSOLE_") and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise BadSetting(name, f"no such setting; did you mean {near[0]}?" if near else "no such setting")
