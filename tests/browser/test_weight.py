"""No page weighs more than 150 KB on the wire, and what it loads is kept until it changes.

Counted is all that a browser with an empty cache fetches before a page can be used, as it travels: the page's
HTML, its style sheets and scripts (ours, htmx, its extension, Bootstrap's style sheet) and its images, bodies
compressed. Not counted are HTTP's own heads and what the live socket brings later.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser import pages

if TYPE_CHECKING:
    import httpx

    from tests.browser.pages import Found
    from tests.browser.product import Product

MOST = 150_000  # bytes
LOADED = re.compile(r'<(?:link|script|img)\b[^>]*? (?:href|src)="(/[^"]+)"')

pytestmark = pytest.mark.timeout(300)


def fetch(client: httpx.Client, address: str) -> tuple[int, httpx.Response]:
    """Fetch an address as a browser would, and say how many bytes of body came."""
    with client.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as answer:
        answer.read()
        return answer.num_bytes_downloaded, answer


def test_no_page_is_heavier(product: Product, found: Found) -> None:
    weights: dict[str, int] = {}
    assets: dict[str, int] = {}
    with pages.signed_in(product) as client:
        for name, address in pages.everything(found):
            weight, answer = fetch(client, address)
            loads = set(LOADED.findall(answer.text))
            assert any("bootstrap" in each for each in loads)
            for each in loads - assets.keys():
                assets[each], file = fetch(client, each)
                assert "immutable" in file.headers["Cache-Control"], each
            weights[name] = weight + sum(assets[each] for each in loads)
    print(dict(sorted(weights.items(), key=lambda item: -item[1])), assets)  # noqa: T201 - seen with -s
    assert {name: weight for name, weight in weights.items() if weight > MOST} == {}
