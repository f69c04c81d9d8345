"""How much redaction finds of what it should, and of what it should not: reliability.md, redaction."""

from __future__ import annotations

from collections import Counter

import pytest

from app.protocol import redaction
from app.protocol.frames import parse
from tests.support import secret_corpus

OF_EACH = 5
PLAIN = 2000
LEAST = {"typed": 0.99, "named": 0.97, "shaped": 0.97}
MOST_FALSE_ALARMS = 0.005


def stored(frame: str) -> str:
    return redaction.redact(parse(frame), "session/prompt").decode()


@pytest.mark.parametrize("seed", [11, 12])
def test_secrets_of_every_kind_are_found(seed: int) -> None:
    there: Counter[str] = Counter()
    missed = []
    for sample in secret_corpus.samples(seed, OF_EACH):
        there[sample.kind.split()[0]] += 1
        if secret_corpus.survives(sample, stored(sample.frame)):
            missed.append(sample)
    found = {
        group: 1 - sum(one.kind.startswith(group) for one in missed) / count for group, count in there.items()
    }
    assert all(found[group] >= least for group, least in LEAST.items()), (
        found,
        [one.frame for one in missed],
    )


def test_plain_traffic_is_left_alone() -> None:
    alarms = [frame for frame in secret_corpus.plain(13, PLAIN) if "«" in stored(frame)]
    assert len(alarms) <= MOST_FALSE_ALARMS * PLAIN, alarms[:5]


def test_what_the_corpus_plants_would_be_seen_without_redaction() -> None:
    for sample in secret_corpus.samples(14, 1):
        assert secret_corpus.survives(sample, sample.frame), sample.kind
