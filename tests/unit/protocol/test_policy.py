"""What is known of an endpoint without resolving its name."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from app.config import Settings
from app.config_values import Bind
from app.errors import EndpointRefused
from app.protocol.endpoints import parse_endpoint
from app.protocol.policy import EndpointPolicy

ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
SETTINGS = Settings(
    allowed_networks=ANYWHERE,
    allowed_hosts=("agents.internal", "localhost", "127.0.0.1", "127.0.0.2", "10.0.0.7", "::1", "console"),
    allowed_ports=(range(80, 81), range(443, 444), range(5000, 10000)),
    bind=Bind("0.0.0.0", 8000),  # noqa: S104 - listened on by nobody here
    gateway_bind=Bind("127.0.0.1", 8765),
    gateway_url="wss://console",
    database_url="postgresql://console@10.0.0.7:5433,127.0.0.1:5433/console",
)
POLICY = SETTINGS.endpoint_policy()


@pytest.mark.parametrize(
    "url",
    [
        "https://agents.internal",
        "https://web-7.agents.internal:5000",
        "https://web-7.agents.internal.:9999/base",
        "http://127.0.0.1",
        "http://[::1]:8001",
        "http://10.0.0.7:8000",
        "http://console:80",
        "http://console:8765",
    ],
)
def test_what_is_allowed(url: str) -> None:
    POLICY.check_endpoint(parse_endpoint(url))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://agents.internal.evil.example", "CONSOLE_ALLOWED_HOSTS"),
        ("https://notagents.internal", "CONSOLE_ALLOWED_HOSTS"),
        ("https://internal", "CONSOLE_ALLOWED_HOSTS"),
        ("https://10.0.0.8", "CONSOLE_ALLOWED_HOSTS"),
        ("https://agents.internal:22", "CONSOLE_ALLOWED_PORTS"),
        ("https://agents.internal:4999", "CONSOLE_ALLOWED_PORTS"),
        ("http://127.0.0.1:8000", "the console's own: its pages"),
        ("http://127.0.0.2:8000", "the console's own: its pages"),
        ("http://[::1]:8000", "the console's own: its pages"),
        ("http://localhost.:8000", "the console's own: its pages"),
        ("http://localhost:8765", "the console's own: its gateway"),
        ("https://console", "the console's own: its gateway"),
        ("http://10.0.0.7:5433", "the console's own: its database"),
        ("http://127.0.0.1:5433", "the console's own: its database"),
    ],
)
def test_what_is_refused(url: str, told: str) -> None:
    with pytest.raises(EndpointRefused, match=told):
        POLICY.check_endpoint(parse_endpoint(url))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://10.0.0.1", "none of the allowed networks"),
        ("http://[::ffff:10.0.0.1]", "none of the allowed networks"),
        ("http://169.254.169.254", "metadata"),
        ("http://[::ffff:169.254.169.254]", "metadata"),
        ("http://0.0.0.0:9", "unspecified"),
    ],
)
def test_addresses_are_judged_by_their_networks(url: str, told: str) -> None:
    with pytest.raises(EndpointRefused, match=told):
        Settings().endpoint_policy().check_endpoint(parse_endpoint(url))


def test_without_lists_any_name_and_port_will_do() -> None:
    EndpointPolicy(networks=(), trusted=()).check_endpoint(parse_endpoint("http://any.example:1"))


@pytest.mark.parametrize(
    ("database_url", "own"),
    [
        ("postgresql:///console?host=/run/postgresql", []),
        ("postgresql://u@db/console", [("db", 5432)]),
        ("postgresql://u@db,/console?port=6000", [("db", 6000)]),
        ("postgresql://u@a:1,b:2/console", [("a", 1), ("b", 2)]),
        ("postgresql://u@db/console?hostaddr=10.0.0.7", [("10.0.0.7", 5432)]),
    ],
)
def test_the_database_is_the_consoles_own_where_it_is_on_tcp(
    database_url: str, own: list[tuple[str, int]]
) -> None:
    services = Settings(database_url=database_url).endpoint_policy().own
    assert [(each.host, each.port) for each in services if each.what == "its database"] == own


@pytest.mark.parametrize(("address", "trusted"), [("::ffff:127.0.0.1", True), ("::ffff:10.0.0.1", False)])
def test_a_mapped_address_is_trusted_as_what_it_is(address: str, trusted: bool) -> None:  # noqa: FBT001
    assert POLICY.trusts(address) is trusted
