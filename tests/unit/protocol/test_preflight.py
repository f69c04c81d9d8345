"""The rules of the preflight, row by row: what each says, and the verdict that comes of all."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from app.protocol import preflight
from app.protocol import preflight_findings as findings
from app.protocol.blast import Blast
from app.protocol.policy import EndpointPolicy
from app.protocol.preflight import Standing, Verdict, static_checks
from app.protocol.preflight_findings import Found
from app.protocol.reasons import Reason
from app.protocol.states import Protocol
from app.protocol.strategies import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.protocol.preflight import Check

POLICY = EndpointPolicy(networks=(ip_network("0.0.0.0/0"),), trusted=(), hosts=("agents.example",))
WELL = Standing(
    to="acp",
    protocol="http",
    supported=("http", "acp"),
    gateway="ws://127.0.0.1:1",
    endpoint_url="https://web-7.agents.example",
    encryption_level="standard",
    policy=POLICY,
)
OFFERED = {"loadSession": True, "promptCapabilities": {"image": True, "audio": False}, "_meta": {"x": 1}}


def verdicts(checks: Iterable[Check]) -> dict[str, str]:
    return {each.name: each.verdict.value for each in checks}


def test_nothing_stands_in_the_way() -> None:
    checks = static_checks(WELL)
    assert preflight.overall(checks) is Verdict.PASS
    assert not any(each.remedy for each in checks)
    assert [each.name for each in checks] == [name for name in preflight.TITLES if name in verdicts(checks)]


@pytest.mark.parametrize(
    ("name", "verdict", "changed", "words"),
    [
        ("protocol", "block", {"to": "gopher"}, "gopher is no protocol"),
        ("protocol", "block", {"supported": ("http",)}, "registered without ACP"),
        ("protocol", "block", {"protocol": "acp"}, "on ACP already"),
        ("container", "block", {"status": "stopped"}, "stopped"),
        ("held", "block", {"held": "by ann, who said: later"}, "by ann"),
        ("migration", "block", {"under_way": "to ACP, draining"}, "draining"),
        ("configuration", "block", {"endpoint_url": "http://web-7.agents.example"}, "is not encrypted"),
        ("configuration", "block", {"endpoint_url": "ftp://h"}, "must begin with"),
        (
            "endpoint",
            "block",
            {"endpoint_url": "https://elsewhere.example"},
            "under none of the allowed hosts",
        ),
        ("gateway", "warn", {"gateway": None}, "no gateway"),
        ("prompts", "warn", {"prompts": 1}, "1 prompt is not answered yet"),
        ("permissions", "warn", {"permissions": 2}, "2 questions are not answered yet"),
    ],
)
def test_what_stands_in_the_way_is_named_with_what_to_do(
    name: str, verdict: str, changed: dict[str, Any], words: str
) -> None:
    checks = static_checks(replace(WELL, **changed))
    check = next(each for each in checks if each.name == name)
    assert check.verdict == verdict
    assert words in check.reason
    assert check.remedy
    assert preflight.overall(checks) == verdict
    assert [each.name for each in preflight.blocking(checks)].count(name) == (verdict == "block")


def test_a_stored_check_is_read_again() -> None:
    checks = static_checks(replace(WELL, prompts=3))
    assert preflight.read([each.as_dict() for each in checks]) == checks


@pytest.mark.parametrize(
    ("problem", "failed", "passed"),
    [
        ("wss://h:1/acp: Connection refused", "reachable", set()),
        ("https://h: the health check failed: Connection refused", "reachable", set()),
        ("ws://h:1/acp did not answer within 10 s", "reachable", set()),
        (Reason.UNRESOLVED.told(host="h", why="no such name"), "reachable", set()),
        (f"wss://h:1/acp: {Reason.TLS_EXPIRED.told()}", "tls", {"reachable"}),
        (f"wss://h/acp does not speak WebSocket: {Reason.TLS_CLIENT_WANTED.told()}", "tls", {"reachable"}),
        (Reason.NO_CLIENT_CERTIFICATE.told(), "tls", set()),
        (Reason.CREDENTIAL_EMPTY.told(reference="env:X"), "credential", set()),
        (Reason.CREDENTIAL_REFUSED.told(url="https://h/acp", status=401), "credential", {"reachable", "tls"}),
        (Reason.NEVER.told(address="169.254.169.254", what="a metadata service"), "endpoint", set()),
        (Reason.NOT_TRUSTED.told(endpoint="http://h:80"), "endpoint", set()),
        ("https://h/acp answered with HTTP 404 instead of a WebSocket", "handshake", {"reachable", "tls"}),
        ("the agent speaks protocol version 2; 1 is needed", "handshake", {"reachable", "tls"}),
        ("initialize was not answered: nothing came within 15 s", "handshake", {"reachable", "tls"}),
        ("the agent refused to initialize: no (-32603)", "handshake", {"reachable", "tls"}),
        ("something that nobody has explained", "reachable", set()),
    ],
)
def test_a_failed_dial_says_how_far_it_came(problem: str, failed: str, passed: set[str]) -> None:
    found = verdicts(findings.failed(problem))
    assert found == dict.fromkeys(passed, "pass") | {failed: "block"}
    assert all(each.remedy for each in findings.failed(problem) if each.verdict is Verdict.BLOCK)


@pytest.mark.parametrize(
    ("days_left", "verdict"), [(None, "pass"), (14.0, "pass"), (13.9, "warn"), (-1.0, "warn")]
)
def test_a_certificate_that_ends_soon_is_warned_of(days_left: float | None, verdict: str) -> None:
    tls = {"version": "TLSv1.3", "valid_until": "Dec 1 00:00:00 2026 GMT"}
    found = Found(Protocol.ACP, "1.0.0", 12.3, "demo 1", tls, days_left)
    checks = {each.name: each for each in findings.reached(found)}
    assert checks["tls"].verdict == verdict
    assert "valid" in checks["tls"].reason
    assert checks["handshake"].reason == "ACP 1.0.0 in 12 ms, by demo 1"


@pytest.mark.parametrize(
    ("offered", "other", "verdict", "words"),
    [
        (OFFERED, OFFERED, "pass", "all that it does over HTTP"),
        (OFFERED, {}, "pass", "and loadSession, promptCapabilities.image"),
        (OFFERED, None, "pass", "is not known"),
        (
            {},
            OFFERED,
            "warn",
            "does not offer loadSession, promptCapabilities.image, which it does over HTTP",
        ),
        (OFFERED, {"promptCapabilities": {"audio": True}}, "warn", "promptCapabilities.audio"),
    ],
)
def test_what_is_missing_over_the_new_protocol_is_named(
    offered: dict[str, Any], other: dict[str, Any] | None, verdict: str, words: str
) -> None:
    check = findings.capabilities(offered, other, Protocol.HTTP, Protocol.ACP)
    assert (check.verdict, bool(check.remedy)) == (verdict, verdict == "warn")
    assert words in check.reason


@pytest.mark.parametrize(
    ("offered", "ids", "verdict", "words"),
    [
        ({}, [], "pass", "no caller has a session"),
        ({"loadSession": True}, ["b"], "pass", "1 session is taken up with session/load"),
        ({"sessionCapabilities": {"resume": {}}}, ["b", "a"], "pass", "with session/resume"),
        (
            {"loadSession": False, "sessionCapabilities": None},
            ["b", "a"],
            "warn",
            "a, b cannot be carried over",
        ),
        ({"loadSession": "yes"}, list("edcba"), "warn", "a, b, c and 2 more cannot"),
    ],
)
def test_sessions_that_cannot_be_carried_over_are_named(
    offered: dict[str, Any], ids: list[str], verdict: str, words: str
) -> None:
    check = findings.sessions(offered, ids, Protocol.ACP)
    assert check.verdict == verdict
    assert words in check.reason


@pytest.mark.parametrize(
    ("blast", "strategy", "words"),
    [
        (Blast(), Strategy.IMMEDIATE, "Nothing is open that it would interrupt. Callers stay"),
        (Blast(requests=3, prompts=2), Strategy.IMMEDIATE, "at once: 2 prompts and 1 other request."),
        (
            Blast(requests=1, permissions=1),
            Strategy.GRACEFUL,
            "1 request and 1 question of the agent may finish",
        ),
        (Blast(requests=2, prompts=1, permissions=3), Strategy.GRACEFUL, "at the drain limit is interrupted"),
        (
            Blast(),
            Strategy.GRACEFUL,
            "Nothing is open now. New requests wait meanwhile, up to the drain limit",
        ),
        (Blast(prompts=1, requests=1), Strategy.SCHEDULED, "Nothing before its time"),
        (Blast(prompts=1, requests=1), Strategy.MANUAL, "Nothing until somebody switches it"),
    ],
)
def test_what_each_strategy_interrupts_is_said(blast: Blast, strategy: Strategy, words: str) -> None:
    assert words in blast.interrupts(strategy)
    assert Blast.of(blast.as_dict()) == blast
