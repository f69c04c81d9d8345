"""gunicorn with the product's own gunicorn.conf.py: SIGTERM ends every live socket with 1001 at once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from websockets.sync.client import connect

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config import Settings
    from tests.web.conftest import SignIn

ROOT = Path(__file__).parents[2]
CLOSED_WITHIN = 2.0  # seconds (reliability: stopping)


@pytest.fixture
def gunicorn(settings: Settings) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A web server on the test's database, and where it is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    options = ("--bind", address, "--worker-class", "gthread", "--threads", "8", "--graceful-timeout", "5")
    environ = {"DATABASE_URL": str(settings.database_url), "CONSOLE_SECRET_KEY": str(settings.secret_key)}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "wsgi:app", *options], cwd=ROOT, env={**os.environ, **environ}
    )
    try:
        eventually(lambda: _answers(f"http://{address}/healthz"))
        yield process, address
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_sigterm_says_going_away_at_once(
    gunicorn: tuple[subprocess.Popen[bytes], str], sign_in: SignIn
) -> None:
    process, address = gunicorn
    cookie = sign_in("viewer").get_cookie("session")
    assert cookie is not None
    headers = {"Cookie": f"session={cookie.value}"}
    with connect(
        f"ws://{address}/live/containers", origin=f"http://{address}", additional_headers=headers, proxy=None
    ) as page:
        page.send(json.dumps({"shows": []}))
        page.recv(CLOSED_WITHIN)
        process.terminate()
        told = time.monotonic()
        for _ in page:
            pass  # what came before the end is read first; the end, an orderly one, ends the loop
        assert page.close_code == 1001
        assert time.monotonic() - told < CLOSED_WITHIN
    assert process.wait(10) == 0
