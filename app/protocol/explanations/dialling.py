"""What dials and handshakes say, where `Reason` has no word for it."""

from __future__ import annotations

from typing import Final

from app.protocol.explanations.entry import Explanation, Family

_AGENT_LOG: Final = "look into the container's own log; report it to the agent's makers"

DIAL: Final = (
    Explanation(
        "dial-failed",
        Family.DIAL,
        "the dial failed: {why}",
        "the container could not be reached, or refused what the gateway is set to ask",
        "follow the reason behind the colon",
    ),
    Explanation(
        "no-answer",
        Family.DIAL,
        "{url} did not answer within {seconds} s",
        "a firewall drops what is sent, or the host is overloaded",
        "look at the host, and at firewalls between it and the gateway",
    ),
    Explanation(
        "not-a-websocket",
        Family.DIAL,
        "{url} answered with HTTP {status} instead of a WebSocket",
        "the path (acp_path) or the port is another program's, or the container speaks HTTP only",
        "correct the address or the path, or let the container be on HTTP",
    ),
    Explanation(
        "no-websocket",
        Family.DIAL,
        "{url} does not speak WebSocket: {detail}",
        "another protocol's server has this port",
        "correct the port",
    ),
    Explanation(
        "no-address",
        Family.DIAL,
        "{url} has no address",
        "its name resolves to nothing",
        "check the name, and the name service of the gateway's machine",
    ),
    Explanation(
        "gateway-not-holder",
        Family.DIAL,
        "container {id} is another gateway's by now",
        "the lease went to another gateway while this one was about to dial",
        "nothing: the other gateway dials",
    ),
    Explanation(
        "link-circle",
        Family.CREDENTIAL,
        "its links lead in a circle",
        "a link in the folder of credentials points to itself, by way of another or not",
        "put the file itself there",
    ),
)

HANDSHAKE: Final = (
    Explanation(
        "handshake-failed",
        Family.HANDSHAKE,
        "the handshake failed: {why}",
        "the socket opened, but the agent behind it did not take initialize as ACP says",
        "follow the reason behind the colon",
    ),
    Explanation(
        "initialize-refused",
        Family.HANDSHAKE,
        "the agent refused to initialize: {detail}",
        "the agent wants something first, such as its own login or a setting, which its words say",
        "look into the container's own log, and check its credential and its settings",
    ),
    Explanation(
        "initialize-no-result",
        Family.HANDSHAKE,
        "the answer to initialize has no result object",
        "what answers at this path is no ACP agent, or a very early version of one",
        "check acp_path, and the version of the agent",
    ),
    Explanation(
        "initialize-unreadable",
        Family.HANDSHAKE,
        "the answer to initialize cannot be read: {detail}",
        "what answers is damaged or no ACP agent",
        "check acp_path; look at the record of the answer",
    ),
    Explanation(
        "initialize-no-version",
        Family.HANDSHAKE,
        "the answer to initialize names no protocolVersion; {wanted} is needed",
        "the agent does not follow ACP, or is a bridge that leaves members out",
        "use a version of the agent that answers protocolVersion",
    ),
    Explanation(
        "wrong-version",
        Family.HANDSHAKE,
        "the agent speaks protocol version {answered}; {wanted} is needed",
        "agent and console are of different generations, or the protocol of the container is set wrongly",
        "it must answer 1 over ACP and 0.3.x over HTTP: correct its protocols, or use another version of it",
    ),
    Explanation(
        "initialize-not-an-object",
        Family.HANDSHAKE,
        "the answer to initialize has a {name} that is not an object",
        "the agent's answer breaks the schema of ACP",
        _AGENT_LOG,
    ),
    Explanation(
        "initialize-not-an-array",
        Family.HANDSHAKE,
        "the answer to initialize has {name} that are not an array",
        "the agent's answer breaks the schema of ACP",
        _AGENT_LOG,
    ),
    Explanation(
        "not-answered",
        Family.HANDSHAKE,
        "{method} was not answered: {why}",
        "the agent behind the socket hangs, is busy, or takes longer to start than is waited for",
        "look whether the agent's process runs and what it does; then follow the reason behind the colon",
    ),
    Explanation(
        "nothing-came",
        Family.HANDSHAKE,
        "nothing came within {seconds} s",
        "the agent hangs, or its host is so busy that it does not get to answer",
        "look at the agent's process and its host",
    ),
    Explanation(
        "lost-before-pong",
        Family.HANDSHAKE,
        "the connection was lost before the pong came",
        "the connection ended while it was being looked at",
        "see why it ended: the last transition of its connection says it",
    ),
    Explanation(
        "health-failed",
        Family.HANDSHAKE,
        "the health check failed: {why}",
        "GET /health of a container on HTTP got no answer",
        "follow the reason behind the colon",
        former=("the health check failed", "the health check failed: {why}"),
    ),
    Explanation(
        "health-status",
        Family.HANDSHAKE,
        "the health check was answered with HTTP {status}",
        "the container's server runs, but says that it is not well, or has no /health",
        "look into the container's own log",
    ),
    Explanation(
        "post-failed",
        Family.HANDSHAKE,
        "the POST failed: {why}",
        "a request to a container on HTTP got no answer",
        "follow the reason behind the colon; whether the agent has acted is not known",
    ),
    Explanation(
        "http-closed",
        Family.HANDSHAKE,
        "the connection has been closed",
        "the connection over HTTP ended, or was switched, while this was asked of it or just before",
        "see why it ended: the last transition of its connection says it; ask again over the one in use now",
    ),
    Explanation(
        "http-answer",
        Family.HANDSHAKE,
        "the container answered with HTTP {status}",
        "its server refused a request, or failed at it, without a JSON-RPC answer",
        "look into the container's own log",
    ),
    Explanation(
        "answer-too-large",
        Family.HANDSHAKE,
        "an answer is larger than {bytes} bytes",
        "the agent sent more than the gateway takes in one answer",
        "have the agent send less at once",
    ),
)
