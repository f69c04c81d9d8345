from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from app.web.filters import marked, preview
from app.web.payload_tree import DEEPEST, MOST_NODES, tree

if TYPE_CHECKING:
    from app.web.payload_tree import Node
    from tests.web.conftest import SignIn, World


def test_a_request_shows_its_answer_and_the_answer_its_request(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    asked = world.record(
        connection, {"id": 1}, rpc_kind="request", method="session/prompt", direction="outbound"
    )
    answer = world.record(
        connection, {"id": 1}, rpc_kind="response", method=None, reply_to=asked.id, processing_time=42
    )
    viewer = sign_in("viewer")
    page = viewer.get(f"/messages/{asked.id}").text
    assert "Its answer" in page
    assert f"/messages/{answer.id}" in page
    page = viewer.get(f"/messages/{answer.id}").text
    assert "The request it answers" in page
    assert "42 ms" in page


def test_the_neighbours_are_linked(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    records = [world.record(connection, {"n": number}) for number in range(9)]
    page = sign_in("viewer").get(f"/messages/{records[4].id}").text
    linked = [f"/messages/{record.id}" in page for record in records]
    assert linked == [False, *[True] * 7, False]


def test_redaction_is_marked(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    message = world.record(connection, {"text": "my key is «token, 40 characters»"})
    page = sign_in("viewer").get(f"/messages/{message.id}").text
    assert '<mark class="redacted">«token, 40 characters»</mark>' in page


def test_the_payload_can_be_had_as_it_is_stored(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    payload = {"text": "<b>ü</b>", "deep": [1, None, True]}
    message = world.record(connection, payload)
    answer = sign_in("viewer").get(f"/messages/{message.id}/payload.json")
    assert json.loads(answer.data) == payload
    assert answer.mimetype == "application/json"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_every_json_value_has_a_page(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    viewer = sign_in("viewer")
    for payload in (None, 42, "text", [], {}, [[[]]], {"": None}, {"a": {"b": [1.5, False]}}, "x" * 200_000):
        message = world.record(connection, payload, size=1)
        assert viewer.get(f"/messages/{message.id}").status_code == 200
    assert viewer.get(f"/connections/{connection.id}").status_code == 200


def test_one_that_is_not_there(sign_in: SignIn) -> None:
    assert sign_in("viewer").get(f"/messages/{uuid.uuid4()}").status_code == 404


def count(node: Node) -> int:
    return 1 + sum(map(count, node.children))


def test_a_tree_is_cut_where_it_is_too_large_to_read() -> None:
    wide = tree(list(range(100_000)))
    assert count(wide) <= MOST_NODES + 1
    assert len(wide.children) + wide.omitted == 100_000
    deep: object = "end"
    for _ in range(500):
        deep = [deep]
    assert count(tree(deep)) == DEEPEST + 1


def test_previews_are_for_people() -> None:
    assert preview({"result": {"stopReason": "end_turn"}}) == "end_turn"
    assert preview({"error": {"code": -32000, "message": "sign\nin"}}) == "sign in"
    assert preview({"params": {"prompt": [{"type": "text", "text": "hello"}]}}) == "hello"
    assert preview(None) == ""
    assert preview([1]) == "[1]"


def test_marking_escapes_first() -> None:
    assert marked("«<b>»&") == '<mark class="redacted">«&lt;b&gt;»</mark>&amp;'


def test_a_close_code_is_explained(sign_in: SignIn, world: World) -> None:
    connection = world.connected(world.container())
    payload = {"code": 1006, "reason": "half-open: …", "by": "network"}
    ended = world.record(connection, payload, message_type="disconnect", method=None, rpc_kind="none")
    assert "1006: no close frame: the connection broke" in sign_in("viewer").get(f"/messages/{ended.id}").text
    odd = world.record(connection, {"code": "1006"}, message_type="disconnect", method=None, rpc_kind="none")
    assert "Close code" not in sign_in("viewer").get(f"/messages/{odd.id}").text
