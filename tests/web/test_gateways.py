"""The page of gateways, and the same on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, text, update

from app.models import Gateway
from app.services import leases
from app.services.leases import Load, Member

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World


def beat(world: World, member: Member, load: Load | None = None, *, draining: bool = False) -> None:
    leases.renew(world.session, member, load, draining=draining)
    world.session.commit()


def silent_for(world: World, member: Member, seconds: int) -> None:
    then = func.now() - text(f"interval '{seconds} s'")
    world.session.execute(update(Gateway).where(Gateway.id == member.id).values(heartbeat_at=then))
    world.session.commit()


@pytest.fixture
def member(world: World) -> Member:
    member = Member(address="ws://10.0.0.7:8765", version="0.1.0")
    for name in ("web-1", "web-2"):
        world.container(name)
    load = Load(connected=1, callers=3, messages_per_second=12.5, records_waiting=4, oldest_waiting_ms=1500)
    beat(world, member, load)
    return member


@pytest.mark.usefixtures("member")
def test_each_gateway_with_its_load(sign_in: SignIn) -> None:
    page = sign_in("viewer").get("/gateways").text
    for told in ("ws://10.0.0.7:8765", "ready", "2 held", "1 connected", "12.5", "the oldest for 1.5 s"):
        assert told in page
    assert "held by no gateway" not in page


@pytest.mark.parametrize(("seconds", "state"), [(0, "ready"), (7, "late"), (60, "silent")])
def test_a_heartbeat_that_fails_to_come_is_said(
    app: Flask, sign_in: SignIn, world: World, member: Member, seconds: int, state: str
) -> None:
    silent_for(world, member, seconds)
    assert f"</span> {state}</span>" in sign_in("viewer").get("/gateways").text
    (row,) = json.loads(app.test_cli_runner().invoke(args=["gateways", "list", "--json"]).output)["gateways"]
    assert (row["state"], row["held"], row["callers"]) == (state, 2, 3)


def test_one_that_drains(sign_in: SignIn, world: World, member: Member) -> None:
    beat(world, member, draining=True)
    assert "hands over and ends" in sign_in("viewer").get("/gateways").text


def test_none_at_all(app: Flask, sign_in: SignIn, world: World) -> None:
    world.container()
    page = sign_in("viewer").get("/gateways").text
    assert "1 container is held by no gateway: none is running." in page
    said = app.test_cli_runner().invoke(args=["gateways", "list"]).output
    assert said == "No gateways.\nContainers held by no gateway: 1\n"
