"""gunicorn with the product's own gunicorn.conf.py: SIGTERM ends every live socket with 1001 at once."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from websockets.sync.client import connect

if TYPE_CHECKING:
    import subprocess

    from tests.web.conftest import SignIn

CLOSED_WITHIN = 2.0  # seconds (reliability: stopping)


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
