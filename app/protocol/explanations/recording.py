"""What is wrong with frames, and what is missing among them."""

from __future__ import annotations

from typing import Final

from app.protocol.explanations.entry import Explanation, Family

_AGENT_LOG: Final = "look into the container's own log; report it to the agent's makers"

FRAME: Final = (
    Explanation(
        "not-json",
        Family.FRAME,
        "not JSON: {detail}",
        "the sender's frame is cut off, holds text of a log, or is not encoded as JSON",
        "look at the frame's record; " + _AGENT_LOG,
    ),
    Explanation(
        "not-an-object",
        Family.FRAME,
        "not a JSON-RPC object: {detail}",
        "the frame is JSON, but an array, a bare value, or nested beyond reason",
        "look at the frame's record; " + _AGENT_LOG,
    ),
    Explanation(
        "odd-id",
        Family.FRAME,
        "the id is neither a string, a number nor null",
        "the sender breaks JSON-RPC 2.0",
        "mend the sender: the caller, or the agent",
    ),
    Explanation(
        "odd-method",
        Family.FRAME,
        "the method is not a string",
        "the sender breaks JSON-RPC 2.0",
        "mend the sender: the caller, or the agent",
    ),
    Explanation(
        "no-meaning",
        Family.FRAME,
        "neither a method, a result nor an error",
        "the sender breaks JSON-RPC 2.0",
        "mend the sender: the caller, or the agent",
    ),
    Explanation(
        "gap",
        Family.FRAME,
        "{count} messages of the container are missing here: they came while the database was away and the "
        "spool was filling up",
        "the database was away for longer than the spool on disk could hold everything",
        "see what is missing in the record; bring the database back, and raise CONSOLE_SPOOL_MIB",
        says="messages are missing here: they were dropped while the database was away",
    ),
    Explanation(
        "unanswered",
        Family.FRAME,
        "unanswered",
        "the connection ended, or the container failed at the request, before an answer came",
        "see why in the same record; repeat what may be repeated, for the agent may have acted",
        says="the answer to a request will not come",
    ),
    Explanation(
        "undelivered",
        Family.FRAME,
        "undelivered",
        "no caller was there for it: it answers nothing that was asked, or its session is nobody's",
        "nothing, if the caller left; otherwise look which session it belongs to",
        says="a message was recorded and delivered to nobody",
    ),
    Explanation(
        "not-storable",
        Family.FRAME,
        "«payload that PostgreSQL could not store; it was relayed as it came»",
        "the payload is JSON that no database takes, such as a number beyond all bounds",
        "nothing: caller and container had it; only the record lacks it",
    ),
)
