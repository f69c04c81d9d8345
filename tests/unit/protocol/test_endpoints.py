from __future__ import annotations

from ipaddress import ip_network

import pytest

from app.errors import EndpointRefused, Invalid
from app.protocol.endpoints import check_address, check_encryption, http_url, parse_endpoint, websocket_url
from app.protocol.states import EncryptionLevel


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://agent", "http://agent:80"),
        ("https://Agent.Example/", "https://agent.example:443"),
        ("HTTP://agent:8080/base/", "http://agent:8080/base"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:9000/x", "http://[::1]:9000/x"),
        ("http://[0:0::1]", "http://[::1]:80"),
        ("http://my_agent-1.internal.:65535", "http://my_agent-1.internal.:65535"),
        ("http://agent/a%20b", "http://agent:80/a%20b"),
        ("http://1password.example", "http://1password.example:80"),
    ],
)
def test_endpoints_that_are_taken(url: str, normal: str) -> None:
    endpoint = parse_endpoint(url)
    assert str(endpoint) == normal
    assert parse_endpoint(normal) == endpoint


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "http"),
        ("agent:8080", "must begin with http"),
        ("ws://agent", "must begin with http"),
        ("file:///etc/passwd", "must begin with http"),
        ("//agent", "must begin with http"),
        ("http://", "must name a host"),
        ("http://:80", "must name a host"),
        ("http://user@agent", "user or a password"),
        ("http://user:pass@agent", "user or a password"),
        ("http://127.0.0.1:80@evil", "user or a password"),
        ("http://agent?x=1", "query"),
        ("http://agent/?", "query"),
        ("http://agent/#x", "fragment"),
        ("http://agent:0", "port"),
        ("http://agent:65536", "port"),
        ("http://agent:port", "port"),
        ("http://agent:", "port"),
        ("http://agent:-1", "port"),
        ("http:// agent", "without spaces"),
        ("http://agent\n", "without spaces"),
        ("http://ag\tent", "without spaces"),
        ("http://agent\\@evil", "without spaces"),
        ("http://ägent", "names as xn--"),
        ("http://\uff11\uff12\uff17.0.0.1", "names as xn--"),
        ("http://127\u30020\u30020\u30021", "names as xn--"),
        ("http://%31%32%37.0.0.1", "neither a name nor an address"),
        ("http://0x7f000001.", "neither a name nor an address"),
        ("http://127.0.0.1.", "neither a name nor an address"),
        ("http://017700000001", "neither a name nor an address"),
        ("http://0300.0250.0.1", "neither a name nor an address"),
        ("http://127.0.0.0x1", "neither a name nor an address"),
        ("http://agent.0x", "neither a name nor an address"),
        ("http://[::1", "not a URL"),
        ("http://[::1%25eth0]", "host"),
        ("http://[127.0.0.1]", "host|URL"),
        ("http://2130706433", "neither a name nor an address"),
        ("http://0x7f000001", "neither a name nor an address"),
        ("http://0x7f.1", "neither a name nor an address"),
        ("http://0177.0.0.1", "neither a name nor an address"),
        ("http://127.1", "neither a name nor an address"),
        ("http://256.1.1.1", "neither a name nor an address"),
        ("http://agent..example", "host name"),
        ("http://-agent", "host name"),
        ("http://a%2fb", "host name"),
        ("http://" + "a" * 64, "host name"),
        ("http://agent/" + "a" * 2048, "longer"),
    ],
)
def test_endpoints_that_are_refused_with_what_is_allowed(url: str, told: str) -> None:
    with pytest.raises(Invalid, match=told) as caught:
        parse_endpoint(url)
    assert caught.value.field == "endpoint_url"


def test_urls_under_an_endpoint() -> None:
    plain, encrypted = parse_endpoint("http://[::1]:9000/base/"), parse_endpoint("https://agent")
    assert websocket_url(plain, "/acp") == "ws://[::1]:9000/base/acp"
    assert websocket_url(encrypted, "acp") == "wss://agent:443/acp"
    assert http_url(plain, "/health") == "http://[::1]:9000/base/health"
    assert http_url(encrypted, "/health") == "https://agent:443/health"


LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
ANYWHERE = [ip_network("0.0.0.0/0"), ip_network("::/0")]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"])
def test_allowed_addresses_pass(address: str) -> None:
    check_address(address, LOOPBACK)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "fd00::2", "::ffff:10.0.0.1", "2001:db8::1", "64:ff9b::7f00:1"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(EndpointRefused, match="none of the allowed networks"):
        check_address(address, LOOPBACK)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("169.254.169.254", "metadata"),
        ("::ffff:169.254.169.254", "metadata"),
        ("::ffff:a9fe:a9fe", "metadata"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("::a9fe:a9fe", "metadata"),
        ("::ffff:0:a9fe:a9fe", "metadata"),
        ("64:ff9b:1::a9fe:a9fe", "metadata"),
        ("2001:0:a9fe:a9fe::1", "metadata"),
        ("2001:0:a00:1::5601:5601", "metadata"),
        ("2001:db8::5efe:a9fe:a9fe", "metadata"),
        ("2001:db8::200:5efe:a9fe:a9fe", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("169.254.170.2", "metadata"),
        ("192.0.0.192", "metadata"),
        ("169.254.0.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - refused here, bound nowhere
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("::ffff:0.0.0.0", "unspecified"),
        ("255.255.255.255", "broadcast"),
    ],
)
def test_no_allow_list_opens_these(address: str, reason: str) -> None:
    with pytest.raises(EndpointRefused, match=reason):
        check_address(address, ANYWHERE)


@pytest.mark.parametrize(
    ("level", "url", "trusted", "told"),
    [
        (EncryptionLevel.NONE, "http://agent", True, None),
        (EncryptionLevel.NONE, "http://agent", False, "plain http is refused"),
        (EncryptionLevel.NONE, "https://agent", False, None),
        (EncryptionLevel.STANDARD, "https://agent", False, None),
        (EncryptionLevel.STANDARD, "http://agent", True, "level is standard; use an https://"),
        (EncryptionLevel.HIGH, "https://agent", False, None),
        (EncryptionLevel.HIGH, "http://agent", True, "level is high; use an https://"),
    ],
)
def test_encryption_levels(level: EncryptionLevel, url: str, *, trusted: bool, told: str | None) -> None:
    if told is None:
        check_encryption(level, parse_endpoint(url), trusted=trusted)
        return
    with pytest.raises(EndpointRefused, match=told):
        check_encryption(level, parse_endpoint(url), trusted=trusted)
