"""What callers and people who send prompts are told."""

from __future__ import annotations

from typing import Final

from app.protocol.explanations.entry import Explanation, Family

_AGENT_LOG: Final = "look into the container's own log; report it to the agent's makers"

CALLER: Final = (
    Explanation(
        "nobody-to-answer",
        Family.CALLER,
        "no caller is there to answer this",
        "the agent asked for something while no caller of the session was connected",
        "nothing: the agent was told so; let callers stay connected while their sessions are at work",
    ),
    Explanation(
        "no-keeping-up",
        Family.CALLER,
        "this caller does not keep up with what it is sent",
        "32 MiB waited for it, and would have held up the others",
        "let the caller read faster, and connect again",
    ),
    Explanation(
        "no-answer-to-a-ping",
        Family.CALLER,
        "no answer to a ping",
        "the caller's host or network is gone, or the caller hangs",
        "let the caller connect again",
    ),
    Explanation(
        "caller-moved",
        Family.CALLER,
        "the container has moved to another gateway",
        "a gateway joined or left, and this container is another one's now",
        "connect again: callers may come to any gateway",
        former=("the container has moved",),
    ),
    Explanation(
        "relay-gone",
        Family.CALLER,
        "the gateway that held this container is gone; connect again",
        "it was stopped or killed while it served this caller by way of another",
        "connect again",
    ),
    Explanation(
        "no-token",
        Family.CALLER,
        "Send Authorization: Bearer <token>.",
        "the caller sent no token, or one that is unknown or was revoked",
        "send Authorization: Bearer …; flask --app wsgi tokens create makes a token",
    ),
    Explanation(
        "no-such-place",
        Family.CALLER,
        "Callers connect to /acp/<container id or name>.",
        "the path is another one",
        "correct the address",
    ),
    Explanation(
        "misdirected",
        Family.CALLER,
        "This gateway does not hold it.",
        "one gateway forwarded a caller to another that no longer holds the container",
        "nothing: the first one looks again",
    ),
    Explanation(
        "other-key",
        Family.CALLER,
        "The forwarding gateway means another one, or has another secret key.",
        "the gateways do not have the same CONSOLE_SECRET_KEY, or an address leads to the wrong one",
        "give all gateways the same key, and each its own CONSOLE_GATEWAY_ADVERTISE",
    ),
    Explanation(
        "failed-here",
        Family.CALLER,
        "This failed; the log says why.",
        "the gateway made a mistake, or its database does not answer",
        "look into the gateway's log",
    ),
    Explanation(
        "not-dialled-yet",
        Family.CALLER,
        "The container has not been dialled yet.",
        "it was registered a moment ago, or its gateway is about to dial it",
        "try again after the time in Retry-After",
    ),
    Explanation(
        "held-by-nobody",
        Family.CALLER,
        "No gateway holds the container at present.",
        "no gateway runs, or one was killed and its lease has not ended yet",
        "try again; if it stays so, see the page of gateways",
    ),
    Explanation(
        "gateway-unreachable",
        Family.CALLER,
        "the gateway cannot be reached: {why}",
        "no gateway runs where CONSOLE_GATEWAY_URL points, or it refused the prompt's caller",
        "start the gateway, or correct CONSOLE_GATEWAY_URL; then follow the reason behind the colon",
    ),
    Explanation(
        "prompt-ended-early",
        Family.CALLER,
        "the prompt ended early: {why}",
        "the connection to the gateway or the container ended before the agent had finished",
        "see the session's page: what the agent had done until then stands there",
    ),
    Explanation(
        "prompts-under-way",
        Family.CALLER,
        "{count} prompts are under way; wait until one has ended",
        "many people send prompts from the pages at once",
        "wait until one has ended",
    ),
    Explanation(
        "agent-answered",
        Family.CALLER,
        "the agent answered: {detail}",
        "the agent refused the request, for the reason that it gives",
        "follow the agent's words; look into the container's own log",
    ),
    Explanation(
        "no-session",
        Family.CALLER,
        "the agent has not opened a session in {seconds} s",
        "the agent is starting, hangs, or waits for a login of its own",
        "look at the container's messages; try again",
    ),
    Explanation(
        "gateway-closed",
        Family.CALLER,
        "the gateway closed the connection: {detail}",
        "the gateway is stopping, or sent this caller away for the reason behind the colon",
        "try again",
    ),
    Explanation(
        "odd-session",
        Family.CALLER,
        "the agent opened no session: its answer is not what ACP says",
        "the agent does not follow ACP, or is of another generation",
        "look at the answer's record; " + _AGENT_LOG,
    ),
)
