"""Whether a container can move to a protocol: what its preflight looks at, and what each check says.

Here is what rows alone can tell; what the network tells is in `preflight_findings`. A check says why, and
unless it passes what to do. One that warns leaves it to a person; one that blocks has found what the move
would fail by.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from app.errors import EndpointRefused, Invalid
from app.protocol.endpoints import check_encryption, parse_endpoint
from app.protocol.states import ContainerStatus, EncryptionLevel, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from app.protocol.policy import EndpointPolicy

TITLES: Final[Mapping[str, str]] = {
    "protocol": "Protocol supported",
    "container": "Container runs",
    "held": "Not held disconnected",
    "migration": "No other migration",
    "configuration": "Configuration valid",
    "endpoint": "Endpoint allowed",
    "gateway": "A gateway holds it",
    "credential": "Credential readable",
    "reachable": "Reachable",
    "tls": "Encryption",
    "handshake": "Handshake and version",
    "health": "Agent answers",
    "capabilities": "Capabilities",
    "sessions": "Sessions carried over",
    "prompts": "Open prompts",
    "permissions": "Unanswered permissions",
}
"""Each check in words, in the order in which they are shown."""
BY_NETWORK: Final = frozenset(
    {"endpoint", "credential", "reachable", "tls", "handshake", "health", "capabilities", "sessions"}
)
"""What a side handshake judges; of the endpoint, rows tell a part."""
OPEN: Final = frozenset({"prompts", "permissions"})
"""What a move would interrupt: it comes and goes by the second."""
_ORDER: Final = {name: place for place, name in enumerate(TITLES)}


class Verdict(StrEnum):
    """What a check, or all of them together, says of the move."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    BLOCK = "block"


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at; `remedy` is what to do, empty where it passes."""

    name: str
    verdict: Verdict
    reason: str
    remedy: str = ""

    @property
    def title(self) -> str:
        return TITLES.get(self.name, self.name)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "remedy": self.remedy,
        }


def read(stored: Iterable[Mapping[str, Any]]) -> list[Check]:
    """Return checks that `as_dict` gave, in the order in which they are shown."""
    return ordered(msgspec.convert(list(stored), list[Check]))


def ordered(checks: Iterable[Check]) -> list[Check]:
    return sorted(checks, key=lambda check: _ORDER.get(check.name, len(_ORDER)))


def overall(checks: Iterable[Check]) -> Verdict:
    """Return the worst of all verdicts."""
    said = {check.verdict for check in checks}
    return next((each for each in (Verdict.BLOCK, Verdict.WARN) if each in said), Verdict.PASS)


def blocking(checks: Iterable[Check]) -> Sequence[Check]:
    """Return the checks by which the move would fail."""
    return [check for check in checks if check.verdict is Verdict.BLOCK]


def joined(checks: Iterable[Check], seen: Iterable[Check]) -> list[Check]:
    """Join what rows tell now with what the network has told; of both on the same, what does not pass."""
    by_name = {each.name: each for each in checks}
    for each in seen:
        beside = by_name.get(each.name)
        if each.name in BY_NETWORK and (beside is None or beside.verdict is Verdict.PASS):
            by_name[each.name] = each
    return ordered(by_name.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the rows say of a container that is to move to `to`.

    `held` and `under_way` are words on who holds it disconnected, and on a migration that has not ended.
    `gateway` is the address of who holds it. `policy` is None for who knows no settings.
    """

    to: str
    protocol: str
    supported: Collection[str]
    status: str = ContainerStatus.RUNNING
    held: str | None = None
    under_way: str | None = None
    gateway: str | None = None
    endpoint_url: str
    encryption_level: str
    policy: EndpointPolicy | None = None
    prompts: int = 0
    permissions: int = 0


def static_checks(standing: Standing) -> list[Check]:
    """Judge what rows alone can tell."""
    found = (_protocol, _container, _held, _migration, _configuration, _endpoint, _gateway)
    return ordered(
        [*(each(standing) for each in found), *open_checks(standing.prompts, standing.permissions)]
    )


def _protocol(standing: Standing) -> Check:
    to = standing.to.upper()
    if standing.to not in list(Protocol):
        return Check("protocol", Verdict.BLOCK, f"{standing.to} is no protocol", "choose http or acp")
    if standing.to not in standing.supported:
        remedy = f"edit the container if it speaks {to} by now"
        return Check("protocol", Verdict.BLOCK, f"the container is registered without {to}", remedy)
    if standing.protocol == standing.to:
        return Check("protocol", Verdict.BLOCK, f"the container is on {to} already", "there is nothing to do")
    return Check(
        "protocol", Verdict.PASS, f"the container speaks {to}, and is on {standing.protocol.upper()}"
    )


def _container(standing: Standing) -> Check:
    if standing.status == ContainerStatus.RUNNING:
        return Check("container", Verdict.PASS, "the container runs")
    return Check("container", Verdict.BLOCK, "the container is stopped", "start it first")


def _held(standing: Standing) -> Check:
    if standing.held is None:
        return Check("held", Verdict.PASS, "nobody holds it disconnected")
    return Check(
        "held", Verdict.BLOCK, f"the container is held disconnected: {standing.held}", "reconnect it first"
    )


def _migration(standing: Standing) -> Check:
    if standing.under_way is None:
        return Check("migration", Verdict.PASS, "no other protocol migration is under way or waits")
    remedy = "wait for its end, or cancel it"
    return Check("migration", Verdict.BLOCK, f"another one is there: {standing.under_way}", remedy)


def _configuration(standing: Standing) -> Check:
    try:
        endpoint = parse_endpoint(standing.endpoint_url)
        check_encryption(EncryptionLevel(standing.encryption_level), endpoint, trusted=True)
    except Invalid as error:
        return Check("configuration", Verdict.BLOCK, str(error), "correct the container's address")
    except EndpointRefused as error:
        return told("configuration", Verdict.BLOCK, str(error))
    how = "over TLS" if endpoint.encrypted else "without encryption"
    reason = f"dialled {how}, as the encryption level {standing.encryption_level} asks, at {endpoint}"
    return Check("configuration", Verdict.PASS, reason)


def _endpoint(standing: Standing) -> Check:
    """Judge the address as it is written; the addresses of a name are looked at by the dial."""
    if standing.policy is None:
        return Check("endpoint", Verdict.PASS, "judged by every dial")
    try:
        endpoint = parse_endpoint(standing.endpoint_url)
        standing.policy.check_endpoint(endpoint)
    except Invalid as error:
        return Check("endpoint", Verdict.BLOCK, str(error), "correct the container's address")
    except EndpointRefused as error:
        return told("endpoint", Verdict.BLOCK, str(error))
    return Check("endpoint", Verdict.PASS, f"{endpoint.authority} may be dialled by this console's settings")


def _gateway(standing: Standing) -> Check:
    if standing.gateway is not None:
        return Check("gateway", Verdict.PASS, f"held by {standing.gateway}")
    remedy = "see Gateways; what is asked is done as soon as one holds it"
    return Check("gateway", Verdict.WARN, "no gateway holds the container at present", remedy)


def open_checks(prompts: int, permissions: int) -> Iterator[Check]:
    """Judge how much is open: prompts of callers, and questions of agents to them."""
    if prompts:
        reason = f"{many(prompts, 'prompt')} not answered yet"
        remedy = "let them finish: graceful waits for them up to its limit, and interrupts what is left"
        yield Check("prompts", Verdict.WARN, reason, remedy)
    else:
        yield Check("prompts", Verdict.PASS, "no prompt is open")
    if permissions:
        asked = many(permissions, "question")
        reason = f"{asked} not answered yet, which the agent has asked a caller, such as for permission"
        remedy = "have the callers answer, or the agent's turn is interrupted with them"
        yield Check("permissions", Verdict.WARN, reason, remedy)
    else:
        yield Check("permissions", Verdict.PASS, "the agent waits for no caller")


def told(name: str, verdict: Verdict, text: str) -> Check:
    """Make a check of an error that says what to do behind a semicolon, as our reasons do."""
    reason, _, remedy = text.partition("; ")
    return Check(name, verdict, reason, remedy or "correct that, and run the preflight again")


def many(count: int, noun: str) -> str:
    """Count something: `1 prompt is`, `2 prompts are`."""
    return f"1 {noun} is" if count == 1 else f"{count} {noun}s are"
