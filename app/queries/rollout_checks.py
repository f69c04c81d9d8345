"""What the preflights of all that would take part in a rollout say beforehand, by what is stored."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from app.protocol.preflight import OPEN, Verdict, open_checks
from app.queries import blast, preflights

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from app.protocol.policy import EndpointPolicy
    from app.protocol.preflight import Check

MOST: Final = 500
"""Containers of which everything is looked at; what is open is counted for all: 20,000 take a second."""


class Checked(NamedTuple):
    """Of how many everything was looked at, how many of those pass, and what was found, with their names.

    What is open, prompts and questions that nobody has answered, is added up over all that take part.
    """

    asked: int
    clear: int
    found: Mapping[Check, Sequence[str]]


def of(session: Session, taking: Mapping[uuid.UUID, str], to: str, policy: EndpointPolicy) -> Checked:
    """Look at containers, given with their names in the order of their turn."""
    first = list(taking)[:MOST]
    found: dict[Check, list[str]] = defaultdict(list)
    clear = 0
    for container_id, checks in preflights.static_checks_of_many(session, first, to, policy).items():
        worse = [check for check in checks if check.verdict is not Verdict.PASS]
        clear += not worse
        for check in worse:
            if check.name not in OPEN:
                found[check].append(taking[container_id])
    found |= _open(session, taking)
    worst_first = sorted(found, key=lambda check: (check.verdict is not Verdict.BLOCK, -len(found[check])))
    return Checked(len(first), clear, {check: found[check] for check in worst_first})


def _open(session: Session, taking: Mapping[uuid.UUID, str]) -> dict[Check, list[str]]:
    """Warn of what is open, in all together, with the names of those where it is."""
    radius = blast.of_many(session, list(taking))
    prompts = sum(each.prompts for each in radius.values())
    permissions = sum(each.permissions for each in radius.values())
    return {
        check: [name for each, name in taking.items() if each in radius and getattr(radius[each], check.name)]
        for check in open_checks(prompts, permissions)
        if check.verdict is Verdict.WARN
    }
