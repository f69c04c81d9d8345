"""What a side handshake tells of a move: how far it came, what the agent offers, what would be lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.protocol.explanations import Family, explain
from app.protocol.preflight import Check, Verdict, many, told

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from app.protocol.states import Protocol

UNKNOWN: Final = "it is not known any more what they were made with"
RENEW_DAYS: Final = 14
"""A certificate that ends sooner is warned of."""
NAMED: Final = 3
"""So many sessions are named, at most."""

_RUNG: Final = {
    "unresolved": ("reachable", ()),
    "credential-refused": ("credential", ("reachable", "tls")),
    "tls-files": ("tls", ()),
    "no-client-certificate": ("tls", ()),
}
"""Reasons whose family alone does not say what has failed, with what had succeeded by then."""
_RUNGS: Final = {
    Family.CREDENTIAL: ("credential", ()),
    Family.TLS: ("tls", ("reachable",)),
    Family.HANDSHAKE: ("handshake", ("reachable", "tls")),
}
_TLS: Final = "TLS: "
_ANSWERED: Final = frozenset({"not-a-websocket", "no-websocket", "redirect"})
_REFUSED: Final = frozenset({"host", "port", "network", "never", "own-port", "not-encrypted", "not-trusted"})
_PASSED: Final = {
    "reachable": "something answers at its address",
    "tls": "the connection is as protected as its configuration asks",
}


class Found(NamedTuple):
    """What a side handshake has settled; `milliseconds` is what it took.

    `tls` is what `Transport.facts` says, `days_left` those of the certificate.
    """

    protocol: Protocol
    version: str
    milliseconds: float
    agent: str
    tls: Mapping[str, str] | None
    days_left: float | None = None


def failed(problem: str) -> list[Check]:
    """Say at which rung a dial has failed, and what had succeeded by then; those above were not reached."""
    within = max(0, problem.find(_TLS))  # of a failed handshake, it is the reason
    explained = explain(problem[within:])
    rung, passed = _rung(explained)
    advice = explained[-1].advice if explained else ""
    check = told(rung, Verdict.BLOCK, problem)
    if advice and advice not in problem:
        check = Check(rung, Verdict.BLOCK, problem, advice)
    return [*(Check(name, Verdict.PASS, _PASSED[name]) for name in passed), check]


def _rung(explained: Sequence[Any]) -> tuple[str, tuple[str, ...]]:
    codes = {each.code for each in explained}
    if codes & _REFUSED:
        return "endpoint", ()
    if codes & _ANSWERED:
        return "handshake", ("reachable", "tls")
    for code, rung in _RUNG.items():
        if code in codes:
            return rung
    families = {each.family for each in explained}
    if Family.SYSTEM in families:  # `the health check failed: Connection refused`: nobody was there
        return "reachable", ()
    return next((rung for family, rung in _RUNGS.items() if family in families), ("reachable", ()))


def reached(found: Found) -> Iterator[Check]:
    """Judge a handshake that has succeeded."""
    yield Check("credential", Verdict.PASS, "read and accepted, where there is one")
    yield Check("reachable", Verdict.PASS, _PASSED["reachable"])
    yield _tls(found)
    words = f"{found.protocol.upper()} {found.version} in {found.milliseconds:.0f} ms"
    yield Check("handshake", Verdict.PASS, f"{words}, by {found.agent}" if found.agent else words)


def _tls(found: Found) -> Check:
    if found.tls is None:
        return Check("tls", Verdict.PASS, "not encrypted, as its configuration says")
    version, until = found.tls.get("version", "TLS"), found.tls.get("valid_until", "")
    if found.days_left is not None and found.days_left < RENEW_DAYS:
        reason = f"{version}; its certificate is valid only until {until}"
        return Check("tls", Verdict.WARN, reason, "renew the certificate before it ends")
    return Check("tls", Verdict.PASS, f"{version}, certificate valid until {until}" if until else version)


def capabilities(
    offered: Mapping[str, Any], other: Mapping[str, Any] | None, protocol: Protocol, to: Protocol
) -> Check:
    """Compare what an agent offers over the new protocol with what it has said over the old one."""
    if other is None:
        reason = f"what it offers over {protocol.upper()} is not known, for it was never connected so"
        return Check("capabilities", Verdict.PASS, reason)
    there = set(_paths(offered))
    missing = [path for path in _paths(other) if path not in there]
    if missing:
        named, new, old = ", ".join(missing), to.upper(), protocol.upper()
        reason = f"over {new} the agent does not offer {named}, which it does over {old}"
        remedy = "have its callers do without, or correct the agent"
        return Check("capabilities", Verdict.WARN, reason, remedy)
    more = sorted(there - set(_paths(other)))
    reason = f"it offers all that it does over {protocol.upper()}"
    return Check("capabilities", Verdict.PASS, f"{reason}, and {', '.join(more)}" if more else reason)


def _paths(offered: Mapping[str, Any], lead: str = "") -> Iterator[str]:
    """Name what is offered: `loadSession`, `promptCapabilities.image`; neither extensions nor refusals."""
    for name, value in offered.items():
        if name == "_meta" or value is None or value is False:
            continue
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{lead}{name}.")
        else:
            yield f"{lead}{name}"


def carries_by(offered: Mapping[str, Any]) -> str | None:
    """Return the method by which an agent takes a session up again; None if it offers none."""
    sessions = offered.get("sessionCapabilities")
    if isinstance(sessions, dict) and sessions.get("resume") is not None:
        return "session/resume"
    return "session/load" if offered.get("loadSession") is True else None


def sessions(
    offered: Mapping[str, Any], ids: Collection[str], to: Protocol, unknown: Collection[str] = ()
) -> Check:
    """Say whether the sessions that callers have now go on over the new protocol.

    `unknown` are those of which it is not known what they were made with.
    """
    method = carries_by(offered)
    if not ids:
        return Check("sessions", Verdict.PASS, "no caller has a session now")
    if method is not None and not unknown:
        return Check("sessions", Verdict.PASS, f"{many(len(ids), 'session')} taken up with {method}")
    left = ids if method is None else unknown
    why = f"the agent takes up no session over {to.upper()}" if method is None else UNKNOWN
    named = ", ".join(sorted(left)[:NAMED])
    rest = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    reason = f"{why}: {named}{rest} cannot be carried over"
    return Check(
        "sessions", Verdict.WARN, reason, "let these conversations end first, or their callers begin anew"
    )
