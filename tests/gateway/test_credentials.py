"""Credentials by reference: where they may be read from, where they go, and where they never are."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.config import Settings
from app.errors import DialError, EndpointRefused
from app.gateway import credentials
from app.gateway.address import find
from app.protocol.reasons import Reason
from app.protocol.states import EncryptionLevel
from tests.support.agents import INITIALIZED, agent, http_agent, result
from tests.support.gateways import running_gateway
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.store import Store

SECRET = "correct-horse-battery-staple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    return folder


@pytest.fixture
def allowed(folder: Path) -> Settings:
    return Settings(credential_names=frozenset({"AGENT_KEY"}), credential_dir=folder)


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)


def test_it_is_read_anew_at_every_dial(
    allowed: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_KEY", " from the environment\n")
    write(folder / "agent", b"from a file\n")
    (folder / "current").mkdir()
    write(folder / "current" / "key", b"from a link within the folder")
    (folder / "linked").symlink_to(folder / "current" / "key")
    for reference, secret in (
        ("env:AGENT_KEY", "from the environment"),
        ("file:agent", "from a file"),
        ("file:linked", "from a link within the folder"),
    ):
        address = asyncio.run(find("http://127.0.0.1", EncryptionLevel.NONE, reference, allowed))
        assert address.headers == {"Authorization": f"Bearer {secret}"}
    write(folder / "agent", b"another")
    assert credentials.read("file:agent", allowed) == "another"


@pytest.mark.parametrize(
    ("reference", "error", "reason"),
    [
        ("env:AGENT_KEY", DialError, Reason.CREDENTIAL_EMPTY),
        ("env:CONSOLE_SECRET_KEY", EndpointRefused, Reason.CREDENTIAL_NAME),
        ("env:PATH", EndpointRefused, Reason.CREDENTIAL_NAME),
        ("file:.", EndpointRefused, Reason.CREDENTIAL_OUTSIDE),
        ("file:..", EndpointRefused, Reason.CREDENTIAL_OUTSIDE),
        ("file:../secret", EndpointRefused, Reason.CREDENTIAL_OUTSIDE),
        ("file:/etc/hostname", EndpointRefused, Reason.CREDENTIAL_OUTSIDE),
        ("file:link", EndpointRefused, Reason.CREDENTIAL_OUTSIDE),
        ("file:absent", DialError, Reason.CREDENTIAL_UNREADABLE),
        ("file:circle", DialError, Reason.CREDENTIAL_UNREADABLE),
        ("file:folder", DialError, Reason.CREDENTIAL_NO_FILE),
        ("file:pipe", DialError, Reason.CREDENTIAL_NO_FILE),
        ("file:group", DialError, Reason.CREDENTIAL_OPEN),
        ("file:others", DialError, Reason.CREDENTIAL_OPEN),
        ("file:blank", DialError, Reason.CREDENTIAL_EMPTY),
        ("file:binary", DialError, Reason.CREDENTIAL_FORM),
        ("file:split", DialError, Reason.CREDENTIAL_FORM),
        ("file:large", DialError, Reason.CREDENTIAL_SIZE),
    ],
)
def test_one_that_cannot_be_had(
    allowed: Settings, folder: Path, reference: str, error: type[DialError], reason: Reason
) -> None:
    write(folder.parent / "secret", SECRET.encode())
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "circle").symlink_to(folder / "circle")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe", 0o600)
    write(folder / "group", SECRET.encode(), 0o640)
    write(folder / "others", SECRET.encode(), 0o604)
    write(folder / "blank", b" \n")
    write(folder / "binary", SECRET.encode() + b"\xff")
    write(folder / "split", SECRET.encode() + b"\nX-Injected: two")
    write(folder / "large", SECRET.encode() * 1000)
    with pytest.raises(error) as refused:
        credentials.read(reference, allowed)
    told = str(refused.value)
    assert reference in told
    assert told.endswith(reason.advice)
    assert SECRET not in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_one_of_another_user(allowed: Settings, folder: Path) -> None:
    write(folder / "agent", SECRET.encode())
    os.chown(folder / "agent", 65534, -1)
    with pytest.raises(DialError, match="belongs to another user"):
        credentials.read("file:agent", allowed)


def test_a_file_needs_its_folder(allowed: Settings) -> None:
    with pytest.raises(EndpointRefused, match="CONSOLE_CREDENTIAL_DIR"):
        credentials.read("file:agent", replace(allowed, credential_dir=None))


def test_it_is_sent_and_neither_logged_nor_stored(
    settings: Settings, store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over dials that succeed and one that fails, with every logger as talkative as it can be."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, name)
    monkeypatch.setenv("AGENT_KEY", SECRET)
    sent: list[str | None] = []
    settings = replace(settings, credential_names=frozenset({"AGENT_KEY"}))
    with (
        agent(
            {"initialize": result(INITIALIZED)},
            {"Set-Cookie": f"session={SECRET}"},
            lambda socket: sent.append(socket.request.headers.get("Authorization")),
            logger=logging.getLogger("the container's"),
        ) as url,
        http_agent(200) as old,
        running_gateway(settings),
    ):
        logging.getLogger("the container's").setLevel(logging.CRITICAL)
        store.register("plain", url, protocols=("acp",), credential="env:AGENT_KEY")
        store.connected("plain")
        store.register("old", old, protocols=("http",), prefer="http", credential="env:AGENT_KEY")
        store.connected("old")
        store.register("away", "http://127.0.0.1:9", protocols=("acp",), credential="env:AGENT_KEY")
        eventually(lambda: store.messages("away", "error"))
    assert sent == [f"Bearer {SECRET}"]
    assert SECRET not in caplog.text
    assert stored_anywhere(store, SECRET) == []
    assert stored_anywhere(store, "env:AGENT_KEY") != []  # the search does find things


def stored_anywhere(store: Store, text: str) -> list[str]:
    """Name the tables with a row in which a text stands."""
    tables = store.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    names = [row["tablename"] for row in tables]
    return [
        name
        for name in names
        if store.rows(f'SELECT 1 FROM "{name}" t WHERE strpos(t::text, %s) > 0 LIMIT 1', text)
    ]
