"""`flask demo run`: served and stopped as a process, registered through the services."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import select

from app.cli.demo import OWNER, TOKEN_NAME, enrol, fresh_token
from app.config_values import Bind
from app.demo.fleet import FLEET
from app.demo.server import serve
from app.demo.traffic import ask, play
from app.models import CallerToken, Container
from app.services import containers, tokens
from app.services.actor import COMMAND_LINE
from app.services.containers import ContainerValues
from tests.support.ports import free_address

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from tests.support.demo import DemoFleet

RUN = (sys.executable, "-m", "flask", "--app", "wsgi", "demo", "run")


def environment(folder: Path, bind: str) -> dict[str, str]:
    return {**os.environ, "CONSOLE_DATA_DIR": str(folder), "CONSOLE_DEMO_BIND": bind}


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal_and_ends_clean(tmp_path: Path, stop: signal.Signals) -> None:
    command = [*RUN, "--no-register", "--quiet"]
    with subprocess.Popen(
        command, env=environment(tmp_path, free_address()), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        label, _, url = process.stdout.readline().strip().partition(": ")
        health = httpx.get(f"{url}/plain/health").status_code
        process.send_signal(stop)
        assert process.wait(timeout=10) == 0
    assert (label, health) == ("Demo fleet", 200)


def test_a_taken_address_is_told_with_its_setting(fleet: DemoFleet, tmp_path: Path) -> None:
    bind = fleet.url.removeprefix("http://")
    run = subprocess.run(
        [*RUN, "--no-register", "--quiet"],
        env=environment(tmp_path, bind),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 1
    assert f"CONSOLE_DEMO_BIND: nothing can be served at {bind}" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_fleet_is_registered_once_and_follows_its_address(session: Session) -> None:
    enrol(session, "http://127.0.0.1:8766")
    first = {each.name: each.id for each in session.scalars(select(Container))}
    enrol(session, "http://127.0.0.1:9999")
    session.expire_all()
    second = {each.name: each for each in session.scalars(select(Container))}
    assert set(first) == set(FLEET)
    assert {name: each.id for name, each in second.items()} == first
    for name, behaviour in FLEET.items():
        known = second[name]
        assert known.endpoint_url == f"http://127.0.0.1:9999/{name}"
        assert tuple(known.supported_protocols) == behaviour.protocols
        assert (known.preferred_protocol, known.owner) == (behaviour.preferred, OWNER)


def test_a_container_of_somebody_elses_is_left_alone(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = ContainerValues(name="plain", endpoint_url="http://127.0.0.1:1/theirs", owner="Ada")
    containers.register(session, theirs, COMMAND_LINE)
    enrol(session, "http://127.0.0.1:8766")
    kept = session.scalars(select(Container).where(Container.name == "plain")).one()
    assert kept.endpoint_url == "http://127.0.0.1:1/theirs"
    assert "plain" in capsys.readouterr().err


def test_each_run_replaces_the_token_of_the_last(session: Session) -> None:
    old, new = fresh_token(session), fresh_token(session)
    assert tokens.holder(session, old) is None
    assert tokens.holder(session, new) == TOKEN_NAME
    assert len(session.scalars(select(CallerToken)).all()) == 1


def test_the_traffic_holds_a_whole_conversation(fleet: DemoFleet) -> None:
    assert asyncio.run(ask(fleet.acp("plain"), "a container asks for no token", "hello")) == "end_turn"


def test_the_traffic_goes_on_when_a_container_refuses_it() -> None:
    async def scenario() -> int:
        # A container named "acp" stands at /acp/acp, where a gateway would have it; nobody is at /acp/nobody.
        async with (
            serve(Bind("127.0.0.1", 0), [replace(FLEET["plain"], name="acp")]) as url,
            httpx.AsyncClient(base_url=url) as client,
            asyncio.timeout(10),
        ):
            names = ["nobody", "acp"]
            traffic = asyncio.create_task(play(url.replace("http", "ws", 1), "any", names, pause=0.01))
            sessions = 0
            while sessions < 2:
                assert not traffic.done()
                sessions = (await client.get("/acp/_control")).json()["sessions"]
            traffic.cancel()
        return sessions

    assert asyncio.run(scenario()) >= 2
