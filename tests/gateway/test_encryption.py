"""The encryption levels through a whole gateway: what operators see of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.protocol.reasons import Reason
from tests.support.agents import INITIALIZED, agent, result
from tests.support.gateways import running_gateway
from tests.support.tls import Authority
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from app.config import Settings
    from tests.support.store import Store

ANSWERS = {"initialize": result(INITIALIZED)}


def test_a_changed_level_reconnects_and_a_refusal_says_what_to_do(
    settings: Settings, store: Store, tmp_path: Path
) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    settings = replace(settings, tls_ca_file=ours.file, **ours.client())
    with (
        agent(ANSWERS, ssl=ours.demanding(ours.server())) as strict,
        agent(ANSWERS, ssl=theirs.server()) as stranger,
        running_gateway(settings),
    ):
        store.register("strict", strict, protocols=("acp",))  # at https:// it begins with the level standard
        refused = eventually(lambda: store.messages("strict", "error"))[0]
        assert Reason.TLS_CLIENT_WANTED.told() in refused["error_message"]
        store.configure("strict", encryption_level="high")
        store.connected("strict")

        store.register("stranger", stranger, protocols=("acp",))
        failed = eventually(
            lambda: store.connections("stranger"), lambda rows: rows and rows[0]["error_count"]
        )
        assert failed[0]["status"] == "disconnected"
        assert Reason.TLS_UNKNOWN_AUTHORITY.told() in failed[0]["metadata"]["last_error"]
