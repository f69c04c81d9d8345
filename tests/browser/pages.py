"""Every page of the product, found by following its links: a new page is in every test that walks them.

An endpoint answers with a page if that is a whole document; fragments, files and downloads are none.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from collections import defaultdict, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
from werkzeug.exceptions import HTTPException

from app import create_app
from app.access import PUBLIC_ENDPOINTS
from app.config import Settings
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright._impl._api_structures import SetCookieParam
    from werkzeug.routing import MapAdapter

    from tests.browser.product import Product

ADDRESS: Final = re.compile(r'(?:href|hx-get|action|formaction)="(/[^"#]*)')
INCIDENT: Final = {
    "title": "plain answers slowly",
    "containers": "plain",
    "audience": "anyone",
    "life": "24",
    "text": "Seen since the last deploy.",
    "reason": "for the team that runs it",
}
NOTES: Final = (
    (40, "deploy", "release 4.2", ""),
    (25, "other", "moved to the new switch", ""),
    (24, "ticket", "HELP-4711: prompts wait for minutes", ""),
    (12, "deploy", "a larger machine for plain", "plain"),
)
"""Notes on plots: how many minutes ago, kind, text and container."""
PER_ENDPOINT: Final = 3  # links to the same kind of page that are followed
SEEDS: Final = (
    "/containers?q=plain",
    "/",
)  # a container with messages, sessions and a migration is met first
WARM_SECONDS: Final = 90
NOT_WALKED: Final = PUBLIC_ENDPOINTS | {"security.static", "health.healthz"}

BAKER: Final = "baker"
ROLLOUT: Final = f"/rollouts/new?filled=1&name=One+of+them&q={BAKER}&bake_seconds=3600"
"""Of a container that no test looks at: for an hour, it can be in no other rollout."""

PREVIEW: Final = "/fleet-actions/new?kind=probe&choose=all&q=plain"

RECORDED: Final = "/messages/?filter=container:plain"
"""An incident has the messages that are there when it is made."""

PARTS: Final = frozenset({"containers.older_messages", "connections.older_messages", "messages.older"})
"""Fragments that only a long list has a link to."""

STATES: Final[Mapping[str, str]] = {
    "containers.none": "/containers?q=no-such-container",
    "fleet_actions.preview": PREVIEW,
    "rollout_plans.preview": "/rollouts/new?filled=1&name=Many&represent=labels",
    "rollouts.none": "/rollouts?text=no-such-rollout",
    "messages.filtered": "/messages?filter=type:event+-status:error",
    "messages.misspelt": "/messages?filter=nothing:of+the+kind",
    "messages.none": "/messages?filter=container:no-such-container",
    "connections.past": "/connections?at=2020-01-01T00:00",
    "statistics.threshold_tried": "/statistics/threshold?measure=messages&value=0.2&lasting=1&last=1h",
    "search.found": "/search/?q=e",
    "search.none": "/search/?q=no-such-thing",
    "audit.none": "/audit/?actor=no-such-person",
    "errors.not_found": "/no-such-page",
}
"""Pages in states that no link leads to."""


class Found(NamedTuple):
    """Where each page is, by endpoint; and the endpoints of GET that no link led to."""

    pages: Mapping[str, str]
    unreached: frozenset[str]


@contextmanager
def signed_in(product: Product) -> Iterator[httpx.Client]:
    """A client that is signed in to the product."""
    with httpx.Client(base_url=product.url, trust_env=False, timeout=60, follow_redirects=True) as client:
        token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', client.get("/login").text)
        assert token
        form = {"email": product.email, "password": product.password, "csrf_token": token[1]}
        client.post("/login", data=form).raise_for_status()
        yield client


def cookies(product: Product) -> list[SetCookieParam]:
    """What a browser needs to be signed in."""
    with signed_in(product) as client:
        jar = list(client.cookies.jar)
    return [{"name": each.name, "value": each.value or "", "url": product.url} for each in jar]


def walk_all(product: Product) -> Found:
    """Walk until every page has been reached: the demo fleet's first messages take some seconds."""
    seeds = _furnish(product)
    found = Found({}, frozenset())

    def unreached() -> frozenset[str]:
        nonlocal found
        found = walk(product, *seeds)
        return found.unreached

    eventually(unreached, lambda left: not left, WARM_SECONDS)
    return found


def _furnish(product: Product) -> tuple[str, ...]:
    """Make an incident, a fleet action, a rollout and notes, as the demo has none; return where they are."""
    with signed_in(product) as client:
        register(client, BAKER, f"{product.demo}/http-first")
        eventually(lambda: client.get(RECORDED).text, lambda page: 'id="message-' in page, WARM_SECONDS)
        shown = _submit(client, "/incidents/new", "/incidents/new", **INCIDENT)
        link = re.search(r'id="link" value="([^"]+)"', shown.text)
        assert link, shown.text
        asked = _submit(client, PREVIEW, "/fleet-actions/", count="1", reason="a look at all of them")
        assert asked.history, asked.text
        rolled = _roll_out(client)
        for ago, kind, text, container in NOTES:
            at = f"{dt.datetime.now(dt.UTC) - dt.timedelta(minutes=ago):%Y-%m-%dT%H:%M}"
            _submit(client, "/notes/", "/notes/", at=at, kind=kind, text=text, container=container)
        return urlsplit(link[1]).path, asked.url.path, rolled.url.path


def _roll_out(client: httpx.Client) -> httpx.Response:
    """Start a rollout of one, which bakes for an hour."""
    form = client.get(ROLLOUT).text.partition('action="/rollouts"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', form))
    given = {"count": "1", "reason": "a look at a rollout", "do": "start"}
    return client.post("/rollouts", data=fields | given).raise_for_status()


def register(client: httpx.Client, name: str, endpoint: str, **values: str | list[str]) -> None:
    """Register a container that can be migrated to ACP, and wait until it is connected."""
    usual = {"supported_protocols": ["http", "acp"], "preferred_protocol": "http", "status": "running"}
    about = {"name": name, "endpoint_url": endpoint}
    shown = _submit(client, "/containers/new", "/containers/new", **(usual | about | values))
    assert shown.history, shown.text  # it leads to the container's page
    connected = f"/containers?q={name}&status=connected"
    eventually(lambda: client.get(connected).text, lambda page: f">{name}</a>" in page)


def _submit(client: httpx.Client, form: str, to: str, **given: str | list[str]) -> httpx.Response:
    """Fill a page's form in and send it."""
    fields = dict(re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', client.get(form).text))
    return client.post(to, data=fields | given).raise_for_status()


def walk(product: Product, *seeds: str) -> Found:
    """Follow the product's links as its first account, and say where its pages are."""
    app = create_app(Settings(secret_key="x" * 40))
    adapter = app.url_map.bind("localhost")
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.websocket and rule.endpoint not in NOT_WALKED
    ]
    gettable = {rule.endpoint for rule in rules}
    pages: dict[str, str] = {}
    tried: defaultdict[str, set[str]] = defaultdict(set)
    reached: set[str] = set()
    waiting = deque((*SEEDS, *seeds, *(rule.rule for rule in rules if not rule.arguments)))
    with signed_in(product) as client:
        while waiting:
            address = waiting.popleft()
            endpoint = _endpoint(adapter, address)
            if endpoint not in gettable or address in tried[endpoint] or len(tried[endpoint]) >= PER_ENDPOINT:
                continue
            text = _answer(client, address)
            if text is None:
                continue  # a form's address, which wants what the form asks for
            tried[endpoint].add(address)
            reached.add(endpoint)
            if text.lstrip().startswith("<!doctype html>"):
                pages[endpoint] = min(pages.get(endpoint, address), address, key=len)
            waiting.extend(html.unescape(each) for each in ADDRESS.findall(text))
    return Found(pages, frozenset(gettable - reached - PARTS))


def _answer(client: httpx.Client, address: str) -> str | None:
    """Fetch an answer's HTML, nothing of a download, which may be of any length; None for a bad request."""
    with client.stream("GET", address) as answer:
        if answer.status_code == httpx.codes.BAD_REQUEST:
            return None
        assert answer.status_code in {200, 404}, f"{address}: {answer.status_code}"
        if answer.history:
            return ""  # it leads to another page
        return answer.read().decode() if answer.headers["Content-Type"].startswith("text/html") else ""


def _endpoint(adapter: MapAdapter, address: str) -> str:
    try:
        return str(adapter.match(urlsplit(address).path)[0])
    except HTTPException:
        return ""


def everything(found: Found) -> Iterator[tuple[str, str]]:
    """Name all pages and states with their addresses."""
    yield from sorted(found.pages.items())
    yield from STATES.items()
