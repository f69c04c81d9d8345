"""Why the gateway itself ends or changes a connection: its own ends, migrations, operators."""

from __future__ import annotations

from typing import Final

from app.protocol.explanations.entry import Explanation, Family

ENDING: Final = (
    Explanation(
        "lost",
        Family.ENDING,
        "the connection to the container was lost: {why}",
        "the connection ended while this waited for its answer",
        "follow the reason behind the colon; repeat what may be repeated, for the agent may have acted",
    ),
    Explanation(
        "not-connected",
        Family.ENDING,
        "the container is not connected: {why}",
        "every attempt to connect has failed so far",
        "follow the reason behind the colon",
    ),
    Explanation(
        "not-connected-yet",
        Family.ENDING,
        "the container is not connected yet",
        "the gateway has just begun with this container",
        "try again in a moment; see the container's page if it stays so",
    ),
    Explanation(
        "balanced",
        Family.ENDING,
        "handed over to another gateway, which holds fewer containers",
        "a gateway joined or left, and the containers are shared anew",
        "nothing",
    ),
    Explanation(
        "closed-with",
        Family.ENDING,
        "closed with {close}",
        "the other side closed the connection and gave no reason but the code",
        "see what the code means; look into the container's own log",
    ),
    Explanation(
        "stream-ended",
        Family.ENDING,
        "the stream ended",
        "what carried the connection came to its end without saying why",
        "look whether the container crashed or was restarted",
    ),
    Explanation(
        "given-up-http",
        Family.ENDING,
        "it is lost",
        "the container on HTTP left its health checks unanswered for too long",
        "look whether the container runs and answers GET /health",
    ),
    Explanation(
        "handshake-succeeded",
        Family.ENDING,
        "the handshake succeeded",
        "the gateway dialled, and the container answered as it should",
        "nothing: this is how it should be",
    ),
    Explanation(
        "verify-again",
        Family.ENDING,
        "connected anew to verify the migration",
        "a gateway ended in the middle of a protocol migration, and this one goes on with it",
        "nothing: the migration's steps say how it went on",
    ),
)

MIGRATION: Final = (
    Explanation(
        "migration-switch",
        Family.MIGRATION,
        "protocol migration to {protocol}",
        "somebody asked for it, or the container fell back; its reason stands in the migration",
        "nothing: the connection over the other protocol takes over",
    ),
    Explanation(
        "migration-rolled-back",
        Family.MIGRATION,
        "protocol migration to {protocol} rolled back",
        "the new connection could not be verified, or was lost while it was being switched to",
        "see the step before in the migration: it says why. The container is on its old protocol",
    ),
    Explanation(
        "verification-failed",
        Family.MIGRATION,
        "verification failed: {why}",
        "after the switch the container gave no sign of life over the new connection",
        "follow the reason behind the colon; the container was brought back to its old protocol",
    ),
    Explanation(
        "new-connection-lost",
        Family.MIGRATION,
        "the new connection was lost at once",
        "the container accepts the handshake, and closes or crashes right after it",
        "look into the container's own log at that time",
    ),
    Explanation(
        "migration-over",
        Family.MIGRATION,
        "the protocol migration is over",
        "a connection that was opened for it is not needed any more",
        "nothing",
    ),
    Explanation(
        "cancelled",
        Family.MIGRATION,
        "cancelled by {who}: {detail}",
        "somebody ended the protocol migration before anything was switched",
        "nothing: the container is on its old protocol; ask them, and start it again when it is time",
    ),
    Explanation(
        "fallback",
        Family.MIGRATION,
        "fallback: {why}",
        "ACP failed as often as is configured, and the container may go on over HTTP",
        "mend what stands behind the colon, then migrate it to ACP again",
    ),
    Explanation(
        "first-dial",
        Family.MIGRATION,
        "first dial: {detail}",
        "a container begins on HTTP and is brought to ACP where it prefers that, or knows nothing else",
        "nothing, unless it fails: then its error says why",
    ),
)

ACTION: Final = (
    Explanation(
        "operator-asked",
        Family.ACTION,
        "{kind} requested by {who}: {detail}",
        "an operator asked for it on the container's page or the command line",
        "ask them; a container held disconnected is dialled again after a reconnect",
        says="an operator ended the connection: …",
    ),
    Explanation(
        "action-stopped",
        Family.ACTION,
        "the container was stopped",
        "its status became stopped before the gateway got to it",
        "start the container, and ask again",
    ),
    Explanation(
        "action-superseded",
        Family.ACTION,
        "a disconnect was requested meanwhile",
        "somebody asked for a disconnect before the reconnect was done",
        "ask who did, and why; then reconnect",
    ),
    Explanation(
        "action-migration",
        Family.ACTION,
        "its protocol migration did not bring it up; see there",
        "a reconnect of a container that is being brought to ACP is its migration's work",
        "see the steps of the migration on the same page",
    ),
    Explanation(
        "probe-dial",
        Family.ACTION,
        "a dial aside failed: {why}",
        "the container is not connected, and could not be reached for the probe, either",
        "follow the reason behind the colon",
    ),
    Explanation(
        "probe-socket",
        Family.ACTION,
        "the socket did not answer {how}: {why}",
        "the host, the network or a proxy between does not carry frames",
        "look at the host and the network; the connection is given up after its idle_timeout",
    ),
    Explanation(
        "probe-agent",
        Family.ACTION,
        "the agent did not answer {how}, {detail}",
        "the socket lives, and the agent behind it hangs or is busy",
        "look at the agent's process; restart it if it does not come back",
    ),
    Explanation(
        "no-pong",
        Family.ACTION,
        "no pong came within {seconds} s",
        "nothing that is sent arrives, or nothing comes back",
        "look at the host and the network",
    ),
    Explanation(
        "probe-over",
        Family.ACTION,
        "only looked whether it is well",
        "a probe dialled aside, and closed what it had opened",
        "nothing",
    ),
    Explanation(
        "trial-over",
        Family.ACTION,
        "only tried a changed configuration",
        "somebody tried a configuration before saving it, and the gateway closed what it had opened for that",
        "nothing: what came of it stands on the configuration's page",
    ),
    Explanation(
        "try-over",
        Family.ACTION,
        "only tried whether it answers",
        "the gateway looked whether the container answers over HTTP before it falls back to it",
        "nothing",
    ),
)
