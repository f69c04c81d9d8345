"""Codes that have a meaning of their own: of JSON-RPC, of WebSocket and of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.protocol import rpc
from app.protocol.endings import CLOSE_CODES
from app.protocol.explanations.entry import Explanation, Family

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODES_OF_RPC: Final[Mapping[int, tuple[str, str, str]]] = {
    rpc.PARSE_ERROR: (
        "what was sent is not JSON",
        "a caller's frame is cut off, or not encoded as JSON",
        "mend the sender; the record has what came",
    ),
    rpc.INVALID_REQUEST: (
        "what was sent is not JSON-RPC",
        "a member is missing or of another type, or the request came before it was allowed",
        "mend the sender; the record says what is wrong",
    ),
    rpc.METHOD_NOT_FOUND: (
        "the method does not exist there",
        "the agent does not know this method, or no caller was there to answer the agent's",
        "look into the agent's capabilities; a health request may be answered so, and that is well",
    ),
    rpc.INVALID_PARAMS: (
        "the method does not take these parameters",
        "caller and agent are of different generations, or a session or a path does not exist",
        "compare the request with ACP's schema; look into the container's own log",
    ),
    rpc.INTERNAL_ERROR: (
        "it failed inside, or could not be delivered",
        "the agent met an error of its own, or the gateway has no connection to it: the message says which",
        "follow the message; if it is the agent's, look into the container's own log",
    ),
    rpc.CANCELLED: (
        "it was cancelled",
        "the caller cancelled its request",
        "nothing, if that was meant",
    ),
    rpc.AUTHENTICATION_REQUIRED: (
        "the agent wants a login first",
        "the agent's own login has expired, or was never made in this container",
        "log the agent in (authenticate), or give the container the key that it needs",
    ),
    rpc.RESOURCE_NOT_FOUND: (
        "what was asked for does not exist",
        "a session, a file or a terminal is gone, often since the container was restarted",
        "open a new session; load it, where the agent can",
    ),
}

RPC: Final = (
    *(
        Explanation(f"rpc{code}", Family.RPC, str(code), cause, advice, says=says)
        for code, (says, cause, advice) in _CODES_OF_RPC.items()
    ),
    Explanation(
        "rpc-server",
        Family.RPC,
        "-32099 to -32000",
        "the agent has given a meaning of its own to a code that JSON-RPC leaves to servers",
        "follow its message; look into the container's own log",
        says="an error of the agent's own",
    ),
    Explanation(
        "rpc-other",
        Family.RPC,
        "any other code",
        "the agent, or a service that it uses, has codes of its own",
        "follow its message; look into the container's own log",
        says="an error of the agent's own",
    ),
)

# Whoever reads of a close code asks where it came from: the cause that CLOSE_CODES leaves out.
_CAUSES_OF_CLOSE: Final[Mapping[int, str]] = {
    1000: "the other side was done, was stopped in order, or is a bridge whose agent has crashed",
    1001: "the other side is being stopped or restarted, or its load is moved to another machine",
    1002: "a frame was not as RFC 6455 says, or came before initialize",
    1003: "binary data was sent where only text is taken",
    1005: "the other side closed in order and gave no code",
    1006: "a crash, a cut cable, a proxy's time limit or a firewall",
    1007: "text was cut in the middle of a character, or damaged on the way",
    1008: "the credential is wrong, the origin is not allowed, or a limit was reached",
    1009: "a message was larger than 16 MiB, or than the other side takes",
    1010: "the other side insists on compression or another extension",
    1011: "a defect or an exception in the program at the other side",
    1012: "the other side was told to restart",
    1013: "the other side is overloaded, or a caller read too slowly",
    1014: "a proxy or load balancer could not reach what is behind it",
    1015: "certificate or TLS versions do not fit",
}
_OF_THE_PAGES: Final = (
    (4403, "signed out, or the role was taken away", "the session ended, or an admin changed the roles"),
    (4404, "what this page shows was removed", "somebody removed the container while its page was open"),
)

CLOSE: Final = (
    *(
        Explanation(
            f"close-{code}", Family.CLOSE, str(code), _CAUSES_OF_CLOSE[code], known.advice, known.meaning
        )
        for code, known in CLOSE_CODES.items()
    ),
    *(
        Explanation(f"close-{code}", Family.CLOSE, str(code), cause, "sign in again, or go back", says)
        for code, says, cause in _OF_THE_PAGES
    ),
    Explanation(
        "close-library",
        Family.CLOSE,
        "3000 to 3999",
        "a library or framework at the other side has a meaning of its own for it",
        "look into that library's documentation, and the container's own log",
        says="a library's own code",
    ),
    Explanation(
        "close-application",
        Family.CLOSE,
        "4000 to 4999",
        "the application at the other side has a meaning of its own for it",
        "look into the container's own log",
        says="an application's own code",
    ),
    Explanation(
        "close-other",
        Family.CLOSE,
        "any other code",
        "the other side sent a number that no standard knows",
        "look into the container's own log; report it",
        says="a code that means nothing",
    ),
)

_STATUSES: Final[Mapping[int, tuple[str, str, str]]] = {
    400: (
        "the request was not understood",
        "a value or a form is not as it must be",
        "correct it, send it again",
    ),
    401: (
        "no token, or one that is not known",
        "it was never sent, is misspelt, or was revoked",
        "make a token",
    ),
    403: ("you may not do this", "your role does not include it", "ask an administrator of this console"),
    404: ("there is no such thing", "the address is incomplete, or what it names was removed", "correct it"),
    405: (
        "this address takes a form",
        "a form's address was opened as a page",
        "open the page with the form",
    ),
    409: (
        "something else stands in the way",
        "another action is under way, or the state has changed",
        "reload",
    ),
    410: ("this is over", "a link has expired or was revoked", "ask whoever sent it for a new one"),
    413: ("that was too much", "the text or the file is larger than is taken", "send less"),
    421: (
        "the gateway asked does not hold the container",
        "between gateways: their views differ for a moment, or their CONSOLE_SECRET_KEY does",
        "give all gateways the same key",
    ),
    422: (
        "a field of the form is not right",
        "a value breaks a rule, which stands at the field",
        "correct it",
    ),
    429: ("too many requests", "the same address asked too often in a short time", "wait a minute"),
    500: ("a mistake of the program", "a defect", "look into its log, and report it"),
    502: ("a proxy got no proper answer", "what is behind the proxy is down or restarting", "look at it"),
    503: (
        "not at the moment",
        "the database is away, a gateway is stopping, or nobody holds the container",
        "try again after the time in Retry-After",
    ),
    504: ("a proxy waited in vain", "what is behind the proxy hangs or is overloaded", "look at it"),
}

HTTP: Final = (
    *(
        Explanation(f"http-{status}", Family.HTTP, str(status), cause, advice, says)
        for status, (says, cause, advice) in _STATUSES.items()
    ),
    Explanation(
        "http-redirect",
        Family.HTTP,
        "300 to 399",
        "a proxy or a login page stands at that address, or the container has moved",
        "register the address that the container is served at",
        says="a redirect, which is never followed",
    ),
    Explanation(
        "http-refused",
        Family.HTTP,
        "any other of 400 to 499",
        "the other side does not take the request as it is",
        "look into the container's own log",
        says="the request was refused",
    ),
    Explanation(
        "http-failed",
        Family.HTTP,
        "any other of 500 to 599",
        "the other side failed at the request",
        "look into the container's own log",
        says="the other side failed",
    ),
    Explanation(
        "http-odd",
        Family.HTTP,
        "any other status",
        "what answers is not what was asked: a container answers 200, or 101 to a WebSocket",
        "correct the address; look into the container's own log",
        says="an answer of another kind",
    ),
)
