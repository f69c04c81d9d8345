"""What travels is compressed, and what a page loads is kept until it changes."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

from flask import url_for

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from tests.web.conftest import SignIn

GZIP = {"Accept-Encoding": "gzip, br"}


def asset(client: FlaskClient, name: str) -> str:
    """The address under which the sign-in page loads a file."""
    found = re.search(rf'"(/static/{name}\?v=[0-9a-f]{{12}})"', client.get("/login").text)
    assert found
    return found[1]


def test_a_page_travels_compressed_to_those_who_take_that(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    plain, small = viewer.get("/explanations/"), viewer.get("/explanations/", headers=GZIP)
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "HX-Request" in small.headers["Vary"]
    assert small.headers["Cache-Control"] == "no-store"
    assert int(small.headers["Content-Length"]) == len(small.data) < len(plain.data) / 2
    token = rb'name="csrf_token" value="[^"]+"'  # signed with the second
    assert re.sub(token, b"", gzip.decompress(small.data)) == re.sub(token, b"", plain.data)


def test_the_length_of_a_page_varies(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    assert len({len(viewer.get("/audit/", headers=GZIP).data) for _ in range(12)}) > 2


def test_a_file_is_compressed_and_kept_for_ever_under_the_name_of_its_content(client: FlaskClient) -> None:
    address = asset(client, "console.css")
    with client.get(address, headers=GZIP) as small, client.get(address) as plain:
        assert gzip.decompress(small.data) == plain.data
        assert "immutable" in small.headers["Cache-Control"]
        etag = small.headers["ETag"]
    with client.get(address, headers=GZIP | {"If-None-Match": etag}) as again:
        assert again.status_code == 304
    with client.get("/static/console.css") as unnamed:
        assert unnamed.headers["Cache-Control"] == "no-cache"


def test_a_changed_file_has_another_address(app: Flask, tmp_path: Path) -> None:
    app.static_folder = str(tmp_path)
    addresses = set()
    for content in ("a {}", "a {} "):
        (tmp_path / "x.css").write_text(content)
        with app.test_request_context():
            addresses.add(url_for("static", filename="x.css"))
    assert len(addresses) == 2
    with app.test_request_context():
        assert url_for("static", filename="not-there.css") == "/static/not-there.css"


def test_an_export_stays_a_stream(sign_in: SignIn) -> None:
    with sign_in("viewer").get("/messages/export.csv", headers=GZIP) as answer:
        assert answer.is_streamed
        assert "Content-Encoding" not in answer.headers
