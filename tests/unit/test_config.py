"""Settings: what each variable takes, what it refuses, and that `.env.example` tells the truth about it."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network, IPv6Network
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import Bind, Settings, variables
from app.config_values import SECRET_KEY_LENGTH, bind
from app.errors import BadSetting

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"

PATTERNS = Path(__file__).parent / "redact_patterns"

GOOD: list[tuple[str, str, str, Any]] = [
    ("DATABASE_URL", "postgresql://ann:pw@db:5432/console", "database_url", ...),
    ("DATABASE_URL", "postgres:///console?host=/run/postgresql", "database_url", ...),
    ("CONSOLE_BIND", "0.0.0.0:80", "bind", Bind("0.0.0.0", 80)),  # noqa: S104 — only read
    ("CONSOLE_GATEWAY_BIND", "[::1]:65535", "gateway_bind", Bind("::1", 65535)),
    ("CONSOLE_DEMO_BIND", " localhost:1 ", "demo_bind", Bind("localhost", 1)),
    ("CONSOLE_GATEWAY_URL", "wss://gateway.internal/", "gateway_url", "wss://gateway.internal"),
    ("CONSOLE_GATEWAY_ADVERTISE", "ws://10.0.0.7:1", "gateway_advertise", "ws://10.0.0.7:1"),
    ("CONSOLE_DATA_DIR", "/srv/console", "data_dir", Path("/srv/console")),
    ("CONSOLE_SECRET_KEY", "k" * SECRET_KEY_LENGTH, "secret_key", ...),
    ("CONSOLE_SECURE_COOKIES", "Yes", "secure_cookies", True),
    ("CONSOLE_OFFER_FS", "0", "offer_fs", False),
    ("CONSOLE_OFFER_TERMINAL", "on", "offer_terminal", True),
    ("CONSOLE_ALLOWED_NETWORKS", "10.0.0.0/8", "allowed_networks", (IPv4Network("10.0.0.0/8"),)),
    ("CONSOLE_ALLOWED_HOSTS", "*.Agents.internal., [::1]", "allowed_hosts", ("agents.internal", "::1")),
    ("CONSOLE_ALLOWED_PORTS", "443, 8000-8999", "allowed_ports", (range(443, 444), range(8000, 9000))),
    ("CONSOLE_TRUSTED_NETWORKS", "fd00::/8, ", "trusted_networks", (IPv6Network("fd00::/8"),)),
    ("CONSOLE_CREDENTIAL_NAMES", "A_TOKEN, B", "credential_names", frozenset({"A_TOKEN", "B"})),
    ("CONSOLE_CREDENTIAL_DIR", "/", "credential_dir", Path("/")),
    ("CONSOLE_TLS_CA_FILE", str(EXAMPLE), "tls_ca_file", EXAMPLE),
    ("CONSOLE_HTTP_POLL_INTERVAL", "45.5", "http_poll_interval", 45.5),
    ("CONSOLE_REDIAL_INTERVAL", "1", "redial_interval", 1.0),
    ("CONSOLE_HALF_OPEN_SECONDS", "2.5", "half_open_seconds", 2.5),
    ("CONSOLE_WEBHOOK_URL", "https://hooks.example/a", "webhook_url", "https://hooks.example/a"),
    ("CONSOLE_WEBHOOK_SECRET", "env:HOOK_KEY", "webhook_secret", "env:HOOK_KEY"),
    ("CONSOLE_LEASE_SECONDS", "60", "lease_seconds", 60),
    ("CONSOLE_MAX_VIEWERS", "1000", "max_viewers", 1000),
    ("CONSOLE_MEMORY_MIB", "8", "memory_bytes", 8 * 1024 * 1024),
    ("CONSOLE_SPOOL_MIB", "1048576", "spool_bytes", 1024**4),
    ("CONSOLE_SPOOL_DIR", "/srv/spool", "spool_dir", Path("/srv/spool")),
    ("CONSOLE_REDACT_NAMES", "X-Badge, staffNumber", "redact_names", ("X-Badge", "staffNumber")),
    (
        "CONSOLE_REDACT_PATTERNS_FILE",
        str(PATTERNS / "good.txt"),
        "redact_patterns",
        (("badge number", "B-[0-9]{6}"), ("order", r"\bO=>[0-9]+\b")),
    ),
    ("CONSOLE_LOG_LEVEL", "debug", "log_level", "DEBUG"),
]

BAD = [
    ("DATABASE_URL", "mysql://db/console", "postgresql://"),
    ("DATABASE_URL", "postgresql://db/console?sslmod=require", "postgresql://"),
    ("CONSOLE_BIND", "8000", "host:port"),
    ("CONSOLE_BIND", "127.0.0.1:0", "from 1 to 65535"),
    ("CONSOLE_BIND", "::1:8000", "[IPv6 address]:port"),
    ("CONSOLE_GATEWAY_BIND", "127.0.0.1:65536", "from 1 to 65535"),
    ("CONSOLE_DEMO_BIND", "http://127.0.0.1:80", "host:port"),
    ("CONSOLE_GATEWAY_URL", "http://gateway", "ws://host:port"),
    ("CONSOLE_GATEWAY_URL", "ws://gateway?x=1", "ws://host:port"),
    ("CONSOLE_SECRET_KEY", "k" * (SECRET_KEY_LENGTH - 1), "at least 32 characters, has 31"),
    ("CONSOLE_SECURE_COOKIES", "maybe", "neither true nor false"),
    ("CONSOLE_ALLOWED_NETWORKS", "10.0.0.1/8", "10.0.0.0/8"),
    ("CONSOLE_ALLOWED_HOSTS", "agents/internal", "neither a host name nor an address"),
    ("CONSOLE_ALLOWED_HOSTS", "*", "neither a host name nor an address"),
    ("CONSOLE_ALLOWED_PORTS", "0", "no port"),
    ("CONSOLE_ALLOWED_PORTS", "9000-8000", "no port"),
    ("CONSOLE_ALLOWED_PORTS", "65536", "no port"),
    ("CONSOLE_TRUSTED_NETWORKS", "everywhere", "10.0.0.0/8"),
    ("CONSOLE_CREDENTIAL_NAMES", "A-B", "not the name of an environment variable"),
    ("CONSOLE_CREDENTIAL_NAMES", "CONSOLE_SECRET_KEY", "belongs to the console"),
    ("CONSOLE_CREDENTIAL_NAMES", "DATABASE_URL", "belongs to the console"),
    ("CONSOLE_CREDENTIAL_DIR", "/nowhere", "no folder '/nowhere'"),
    ("CONSOLE_TLS_CA_FILE", "/nowhere.pem", "no file '/nowhere.pem'"),
    ("CONSOLE_TLS_CLIENT_KEY", "/nowhere.pem", "no file '/nowhere.pem'"),
    ("CONSOLE_HTTP_POLL_INTERVAL", "29.9", "from 30"),
    ("CONSOLE_REDIAL_INTERVAL", "0", "from 1"),
    ("CONSOLE_HALF_OPEN_SECONDS", "1", "from 2 to 300"),
    ("CONSOLE_WEBHOOK_URL", "https://ann@hooks.example", "without a user"),
    ("CONSOLE_WEBHOOK_SECRET", "hunter2", "never the secret itself"),
    ("CONSOLE_REDACT_NAMES", "ok-name, a b", "'a b' is no name"),
    ("CONSOLE_REDACT_PATTERNS_FILE", "/nowhere.txt", "no file '/nowhere.txt'"),
    ("CONSOLE_REDACT_PATTERNS_FILE", str(PATTERNS / "bad_kind.txt"), "line 2: write kind => pattern"),
    ("CONSOLE_REDACT_PATTERNS_FILE", str(PATTERNS / "bad_pattern.txt"), "line 1: not a pattern of RE2"),
    (
        "CONSOLE_REDACT_PATTERNS_FILE",
        str(PATTERNS / "empty.txt"),
        "line 1: the pattern matches an empty",
    ),
    ("CONSOLE_LEASE_SECONDS", "2", "from 3 to 60"),
    ("CONSOLE_LEASE_SECONDS", "ten", "from 3 to 60"),
    ("CONSOLE_MAX_VIEWERS", "1001", "from 1 to 1000"),
    ("CONSOLE_MEMORY_MIB", "7", "from 8 to 65536"),
    ("CONSOLE_SPOOL_MIB", "1GiB", "from 8 to 1048576"),
    ("CONSOLE_LOG_LEVEL", "loud", "DEBUG, INFO"),
]


@pytest.mark.parametrize(("name", "text", "field", "value"), GOOD)
def test_a_good_value_is_read(name: str, text: str, field: str, value: object) -> None:
    read = getattr(Settings.from_env({name: text}), field)
    assert read == (text if value is ... else value)


@pytest.mark.parametrize(("name", "text", "words"), BAD)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(name: str, text: str, words: str) -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.from_env({name: text})
    assert refused.value.name == name
    assert words in str(refused.value)


def test_every_variable_is_tried_above() -> None:
    tried = {name for name, *_ in GOOD} | {name for name, *_ in BAD}
    assert {variable.name for variable in variables().values()} - tried == {"CONSOLE_TLS_CLIENT_CERT"}


@pytest.mark.parametrize("given_one", ["CONSOLE_TLS_CLIENT_CERT", "CONSOLE_TLS_CLIENT_KEY"])
def test_a_client_certificate_and_its_key_go_together(given_one: str) -> None:
    (missing,) = {"CONSOLE_TLS_CLIENT_CERT", "CONSOLE_TLS_CLIENT_KEY"} - {given_one}
    with pytest.raises(BadSetting) as refused:
        Settings.from_env({given_one: str(EXAMPLE)})
    assert refused.value.name == missing
    assert Settings.from_env({given_one: str(EXAMPLE), missing: str(EXAMPLE)}).tls_client_key == EXAMPLE


def test_a_refused_database_url_is_not_repeated() -> None:
    with pytest.raises(BadSetting) as refused:
        Settings.from_env({"DATABASE_URL": "mysql://ann:hunter2@db/console"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("CONSOLE_BINDS", "did you mean CONSOLE_BIND?"), ("CONSOLE_XYZZY", "no such setting")],
)
def test_an_unknown_name_is_refused(name: str, words: str) -> None:
    with pytest.raises(BadSetting, match=re.escape(words)):
        Settings.from_env({name: "1"})


def test_other_variables_are_left_alone_and_an_empty_value_is_none() -> None:
    assert Settings.from_env({"CONSOLE_BIND": " ", "HOME": "/root"}) == Settings()


def test_the_gateway_is_reached_where_it_listens_unless_said_otherwise() -> None:
    assert Settings(gateway_bind=Bind("::", 9000)).gateway_url == "ws://[::1]:9000"
    assert Settings(gateway_bind=Bind("::", 9000), gateway_url="wss://g").gateway_url == "wss://g"


@given(
    st.one_of(st.ip_addresses().map(str), st.just("console.internal")),
    st.integers(min_value=1, max_value=65535),
)
def test_an_address_is_read_as_it_is_written(host: str, port: int) -> None:
    assert bind(str(Bind(host, port))) == Bind(host, port)


def test_the_example_shows_every_variable_with_its_purpose_and_default() -> None:
    shown = {}
    for block in EXAMPLE.read_text().split("\n\n")[1:]:
        *comment, line = block.strip().splitlines()
        name, equals, value = line.removeprefix("#").partition("=")
        assert equals, block
        shown[name] = (" ".join(words.removeprefix("# ") for words in comment), value)
    assert list(shown) == [variable.name for variable in variables().values()]
    for variable in variables().values():
        assert shown[variable.name][0].startswith(variable.purpose)
    assert Settings.from_env({name: value for name, (_, value) in shown.items()}) == Settings()


def test_a_secret_key_is_made_once_for_all_who_come_at_the_same_time(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: settings.require_secret_key(), range(32)))
    (key,) = keys
    assert len(key) >= SECRET_KEY_LENGTH
    (kept,) = (tmp_path / "var").iterdir()  # no drafts stay behind
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert Settings(secret_key="given" * 8, data_dir=tmp_path).require_secret_key() == "given" * 8


def test_what_is_kept_is_not_made_again(tmp_path: Path) -> None:
    numbers = count(1)
    settings = Settings(data_dir=tmp_path)
    assert [settings.keep_once("number", lambda: str(next(numbers))) for _ in range(3)] == ["1", "1", "1"]


def test_a_data_folder_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting) as refused:
        Settings(data_dir=tmp_path / "file").require_secret_key()
    assert refused.value.name == "CONSOLE_DATA_DIR"
