"""What an incident's link opens, for whom, and what it leaves behind."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app.models import AuditEvent
from app.protocol.audience import Audience
from app.services import incidents
from app.services.actor import Actor
from app.services.incidents import IncidentValues
from app.web import guesses, shared_incidents
from app.web.guesses import Limit

if TYPE_CHECKING:
    from flask import Flask

    from app.models import AcpMessage
    from tests.web.conftest import SignIn, World

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)
HOSTILE = '"><script>owned()</script>'


class Shared:
    """An incident of one container with a message in it, and its link."""

    def __init__(self, world: World, audience: Audience) -> None:
        self.world = world
        self.connection = world.connected(world.container())
        self.message = self.record()
        values = IncidentValues(
            title=f"drops {HOSTILE}",
            reason="ticket 4711",
            begins_at=NOW - HOUR,
            ends_at=NOW + HOUR,
            life=HOUR,
            containers=("web-1",),
            audience=audience,
        )
        self.incident, token = incidents.create(world.session, values, Actor("ann@example.com"))
        incidents.add_note(world.session, self.incident, f"note {HOSTILE}", Actor("ann@example.com"))
        world.session.commit()
        self.link = f"/incidents/shared/{token}"

    def record(self, **fields: Any) -> AcpMessage:
        payload = {"params": {"text": HOSTILE, "key": "«token, 40 characters»"}}
        return self.world.record(self.connection, payload, **({"processed": True} | fields))

    def trail(self) -> list[AuditEvent]:
        self.world.session.expire_all()
        about = select(AuditEvent).where(AuditEvent.subject_id == self.incident.id).order_by(AuditEvent.id)
        return [each for each in self.world.session.scalars(about) if "link" in each.actor]


@pytest.fixture
def anyones(world: World) -> Shared:
    return Shared(world, Audience.ANYONE)


@pytest.fixture
def ours(world: World) -> Shared:
    return Shared(world, Audience.SIGNED_IN)


def test_a_stranger_with_the_link_sees_it_and_nothing_else(app: Flask, anyones: Shared) -> None:
    answer = app.test_client().get(anyones.link)
    page = answer.text
    assert answer.status_code == 200
    assert "handshake completed" in page
    assert "drops &#34;&gt;&lt;script&gt;" in page
    assert "<script>owned" not in page
    assert (
        '<mark class="redacted">«token'
        in app.test_client().get(f"{anyones.link}/messages/{anyones.message.id}").text
    )
    hrefs = {each for each in re.findall(r'(?:href|action|src)="([^"]+)"', page) if not each.startswith("#")}
    assert {each for each in hrefs if not each.startswith((anyones.link, "/static/", "/bootstrap/"))} == set()
    assert "ws-connect" not in page
    assert "<form" not in page
    assert "example.com" not in page, "of people, the name alone"


def test_nobody_else_learns_of_it(app: Flask, anyones: Shared) -> None:
    for path in ("", f"/messages/{anyones.message.id}", "/export.ndjson"):
        headers = app.test_client().get(anyones.link + path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert 'name="robots" content="noindex' in app.test_client().get(anyones.link).text


def test_every_opening_is_noted(app: Flask, sign_in: SignIn, anyones: Shared) -> None:
    app.test_client().get(anyones.link)
    sign_in("viewer").get(f"{anyones.link}/export.ndjson")
    events = anyones.trail()
    assert {each.actor for each in events} == {f"incident link drops {HOSTILE}"}
    assert [each.action for each in events] == ["incident opened"] * 2
    assert [each.after for each in events] == [
        {"what": "page", "address": "127.0.0.1"},
        {"what": "export", "address": "127.0.0.1", "by": "viewer@example.com"},
    ]


def test_one_for_people_who_are_signed_in(app: Flask, sign_in: SignIn, ours: Shared) -> None:
    for path in ("", f"/messages/{ours.message.id}", "/export.ndjson"):
        stranger = app.test_client().get(ours.link + path)
        assert stranger.status_code == 302
        assert stranger.headers["Location"].startswith("/login?next=/incidents/shared/")
        assert sign_in("viewer").get(ours.link + path).status_code == 200
    assert len(ours.trail()) == 3


def test_what_is_outside_of_it_stays_outside(app: Flask, world: World, anyones: Shared) -> None:
    other = world.record(world.connected(world.container("web-2")), {"secret": 1})
    late = anyones.record(id=type(anyones.message.id)(int=anyones.message.id.int + (3 * 3_600_000 << 80)))
    client = app.test_client()
    assert "web-2" not in client.get(anyones.link).text
    for hidden in (other, late):
        answer = client.get(f"{anyones.link}/messages/{hidden.id}")
        assert answer.status_code == 404
        assert "no such message in this incident" in answer.text


def test_it_has_pages(app: Flask, anyones: Shared) -> None:
    for _ in range(60):
        anyones.record()
    client = app.test_client()
    first = client.get(anyones.link).text
    assert f'id="message-{anyones.message.id}"' not in first
    shown = re.findall(r'id="message-([^"]+)"', first)
    assert len(shown) > 1
    assert shown == sorted(shown), "the newest stands below"
    older = first.partition('rel="next" href="')[2].partition('"')[0]
    assert older.startswith(anyones.link)
    assert f'id="message-{anyones.message.id}"' in client.get(older).text


def test_its_export_is_everything_without_addresses_of_people(app: Flask, anyones: Shared) -> None:
    text = app.test_client().get(f"{anyones.link}/export.ndjson").text
    assert [json.loads(line)["kind"] for line in text.splitlines()] == [
        "incident",
        "note",
        "state",
        "message",
    ]
    assert "example.com" not in text


@pytest.mark.parametrize(("end", "words"), [("revoke", "was revoked"), ("expire", "has expired")])
def test_an_ended_link_says_so_and_is_noted(app: Flask, anyones: Shared, end: str, words: str) -> None:
    session, incident = anyones.world.session, anyones.incident
    if end == "revoke":
        incidents.revoke(session, incident, "solved", Actor("ann"))
    else:
        incident.expires_at = NOW - HOUR
    session.commit()
    for path in ("", f"/messages/{anyones.message.id}", "/export.ndjson"):
        answer = app.test_client().get(anyones.link + path)
        assert answer.status_code == 410
        assert words in answer.text
        assert "drops" not in answer.text
    assert [each.action for each in anyones.trail()] == ["incident refused"] * 3


def test_guessing_is_slowed_down(app: Flask, anyones: Shared) -> None:
    app.extensions["wrong_links"] = Limit(3, 60)
    client = app.test_client()
    for _ in range(3):
        wrong = client.get("/incidents/shared/" + "A" * 43)
        assert wrong.status_code == 404
        assert "opens nothing" in wrong.text
    refused = client.get(anyones.link)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    elsewhere = client.get(anyones.link, environ_overrides={"REMOTE_ADDR": "192.0.2.9"})
    assert elsewhere.status_code == 200


def test_so_is_opening_without_end(app: Flask, anyones: Shared) -> None:
    app.extensions["openings"] = Limit(2, 60)
    answers = [app.test_client().get(anyones.link).status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert len(anyones.trail()) == 2


def test_the_limits_are_wide_enough_for_people() -> None:
    assert shared_incidents.GUESSES >= 10
    assert shared_incidents.OPENINGS >= 100


def test_a_count_ends_with_its_time_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    limit = Limit(2, 60, clock=lambda: now[0])
    for _ in range(2):
        assert not limit.reached("a")
        limit.count("a")
    assert limit.reached("a")
    assert not limit.reached("b")
    now[0] = 60.0
    assert not limit.reached("a")
    monkeypatch.setattr(guesses, "MOST_ADDRESSES", 3)
    for number in range(10):
        limit.count(str(number))
    assert len(limit._counts) == 3


def test_it_is_read_only(app: Flask, anyones: Shared) -> None:
    for method in ("post", "put", "delete"):
        assert getattr(app.test_client(), method)(anyones.link).status_code in {400, 405}
