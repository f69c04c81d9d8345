"""Every reason and code that the gateway can produce is explained; what is stored is found again."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING

import pytest
from websockets.frames import CloseCode

from app.errors import ConsoleError
from app.gateway import caller_socket
from app.live import viewer
from app.live.viewer import Goodbye
from app.protocol import rpc
from app.protocol.endings import CLOSE_CODES, Ending
from app.protocol.explanations import TABLE, explain, of_close, of_http, of_rpc, search
from app.protocol.explanations.entry import Family
from app.protocol.explanations.system import ERRORS
from app.protocol.reasons import Reason
from app.web.failures import STATUS, WORDS
from tests.support.produced import texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.protocol.explanations import Explanation

WRITERS = ("app/gateway", "app/protocol", "app/prompting.py", "app/services/connection_actions.py")
"""Whatever stores reasons, or tells them to callers."""
ELSEWHERE = (
    *("app/protocol/explanations", "app/protocol/reasons.py", "app/protocol/endings.py"),  # the tables
    *("app/gateway/announcer.py", "app/gateway/batch.py"),  # SQL
    "app/gateway/database.py",  # ends a start; explained by its classes
    *("app/protocol/assignments.py", "app/protocol/redaction.py"),  # patterns
    *(
        "app/protocol/endpoints.py",
        "app/protocol/plot_notes.py",
        "app/protocol/states.py",
        "app/protocol/strategies.py",
        "app/protocol/way_home.py",
    ),  # of forms, each beside its field
    *("app/protocol/rollout_plan.py", "app/protocol/rollout_waves.py", "app/protocol/windows.py"),
    "app/protocol/rollout_states.py",  # each beside its button
    *("app/protocol/preflight", "app/protocol/blast.py"),  # each says what to do beside it
)
NOT_FAILURES = re.compile(
    r"the agent answered in|the connection was ended|it was not connected|connected over|dialling over"
    r"|the container answered in|the container (prefers|speaks)|the container is (stopped|held)"
    r"|a protocol migration of this|say why|the handshake succeeded; look|x7 is not an action|x7\.$"
)
"""What went well, what a form is told, and what only repeats another text."""
PARTICULARS = {": x7", "x7: x7", "x7 at position x7"}


def produced() -> list[tuple[str, str]]:
    found = ((place, text.strip()) for place, text in texts(*WRITERS) if not place.startswith(ELSEWHERE))
    return [each for each in found if not NOT_FAILURES.match(each[1]) and each[1] not in PARTICULARS]


@pytest.mark.parametrize(("place", "text"), produced())
def test_every_text_in_the_code_has_its_explanation(place: str, text: str) -> None:
    assert explain(text), f"{place}: explain {text!r} in app/protocol/explanations"


def test_texts_are_found_in_the_code() -> None:
    found = {text for _, text in produced()}
    assert len(found) > 60
    assert {
        "the stream ended",
        "verification failed: x7",
        "not JSON: x7",
        "no pong came within x7 s",
    } <= found


@pytest.mark.parametrize("entry", TABLE.values(), ids=lambda each: each.code)
def test_an_explanation_is_whole(entry: Explanation) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", entry.code)
    for words in (entry.sentence, entry.cause, entry.advice):
        assert len(words) > 3, entry.code
        assert "{" not in words
        assert not words.endswith(".") or words.endswith("…"), "the page ends the sentence"


@pytest.mark.parametrize("ending", Ending, ids=lambda each: each.name)
def test_every_ending_is_explained(ending: Ending) -> None:
    told = ending.told(why=": Connection reset by peer", seconds=14, attempts=5)
    assert explain(told)[0].cause == ending.meaning


@pytest.mark.parametrize("reason", Reason, ids=lambda each: each.name)
def test_every_reason_is_explained_alone_and_within_others(reason: Reason) -> None:
    names = re.findall(r"\{(\w+)", reason.sentence)
    told = reason.told(**{name: "443" if name == "status" else "web-7.example" for name in names})
    code = reason.name.lower().replace("_", "-")
    assert explain(told)[0].code == code
    within = f"gave up after 5 attempts: https://h:1/acp: {told}"
    assert [each.code for each in explain(within)][:2] == ["gave-up", code]
    assert explain(reason.sentence.format_map(dict.fromkeys(names, "x")))[0].code == code


def kinds(kind: type[ConsoleError]) -> Iterator[type[ConsoleError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from kinds(each)


@pytest.mark.parametrize("kind", sorted(set(kinds(ConsoleError)), key=lambda each: each.__name__))
def test_every_error_of_the_console_is_explained(kind: type[ConsoleError]) -> None:
    assert search(kind.__name__)[0].text == kind.__name__


RPC_CODES = [value for value in vars(rpc).values() if type(value) is int]


@pytest.mark.parametrize("code", RPC_CODES)
def test_every_code_of_json_rpc_is_explained(code: int) -> None:
    assert of_rpc(code).text == str(code)


@pytest.mark.parametrize(
    ("code", "name"),
    [(-32050, "rpc-server"), (7, "rpc-other"), ("7", "rpc-other"), (None, "rpc-other"), (True, "rpc-other")],
)
def test_a_code_of_an_agent_s_own_is_explained(code: object, name: str) -> None:
    assert of_rpc(code).code == name


SENT = {
    *(int(code) for code in CloseCode),
    *CLOSE_CODES,
    *(each.code for each in vars(viewer).values() if isinstance(each, Goodbye)),
    *(each for name, each in vars(caller_socket).items() if name in {"GOING_AWAY", "TOO_SLOW"}),
}


@pytest.mark.parametrize("code", sorted(SENT))
def test_every_close_code_is_explained(code: int) -> None:
    assert of_close(code).text == str(code)


@pytest.mark.parametrize(
    ("code", "name"), [(3001, "close-library"), (4999, "close-application"), (2000, "close-other")]
)
def test_other_close_codes_are_explained(code: int, name: str) -> None:
    assert of_close(code).code == name


STATUSES = {*WORDS, *STATUS.values(), 401, 404, 410, 421, 429, 500, 503}


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_every_status_that_we_send_is_explained(status: int) -> None:
    assert of_http(status).text == str(status)


@pytest.mark.parametrize(
    ("status", "name"),
    [(302, "http-redirect"), (418, "http-refused"), (599, "http-failed"), (204, "http-odd")],
)
def test_every_other_status_is_explained(status: int, name: str) -> None:
    assert of_http(status).code == name


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
def test_the_words_of_the_system_are_explained(number: int) -> None:
    assert explain(f"https://h:1/acp: {os.strerror(number)}")[-1].code == ERRORS[number][0]


GAP = (
    "messages of the container are missing here: they came while the database was away and the spool was"
    " filling up"
)
STORED = [
    ("the dial failed: http://127.0.0.1:9/acp: Connection refused", "dial-failed connection-refused"),
    (
        "fallback: gave up after 3 attempts: the agent speaks protocol version 99; 1 is needed",
        "fallback gave-up wrong-version",
    ),
    (
        f"the connection to the container was lost: {Ending.HALF_OPEN.told(seconds=9)}",
        "lost half-open",
    ),
    ("the agent refused to initialize: log in first (-32000)", "initialize-refused rpc-32000"),
    (
        "verification failed: initialize was not answered: closed with 1012",
        "verification-failed not-answered closed-with close-1012",
    ),
    ("http://h/acp answered with HTTP 404 instead of a WebSocket", "not-a-websocket http-404"),
    ("the connection broke without a close frame: Connection reset by peer", "broken connection-reset"),
    ("the connection broke without a close frame", "broken"),
    ("the gateway is stopping; connect to ws://127.0.0.1:8765", "stopping"),
    (
        f"12,345 {GAP}",
        "gap",
    ),
    ("reconnect requested by ann@example.com: it hangs", "operator-asked"),
    (
        "https://h:1/acp: TLS: the container's certificate has expired; what an older version advised",
        "tls-expired",
    ),
    ("an agent's own words: Connection refused or not", ""),
    ("", ""),
]


@pytest.mark.parametrize(("stored", "codes"), STORED)
def test_what_was_stored_is_found_again(stored: str, codes: str) -> None:
    """These stand in databases: a sentence may be changed, if its former text stays in the table."""
    assert " ".join(each.code for each in explain(stored)) == codes


def test_a_stranger_s_text_takes_no_long_time_and_nests_no_deeper() -> None:
    assert len(explain("the dial failed: " * 2000)) == 6
    assert explain("; " * 100_000) == ()


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("half-open", "half-open"),
        ("-32601", "rpc-32601"),
        ("1006", "close-1006"),
        ("503", "http-503"),
        ("  Certificate EXPIRED ", "tls-expired"),
        ("http://h:1: No route to host", "no-route"),
    ],
)
def test_what_somebody_types_is_found(words: str, first: str) -> None:
    found = [each.code for each in search(words)]
    assert first in found
    assert len(found) < 15


def test_nothing_is_found_for_nothing() -> None:
    assert search("  ") == []
    assert search("no such words anywhere") == []


def test_every_family_has_its_part() -> None:
    assert {each.family for each in TABLE.values()} == set(Family)
