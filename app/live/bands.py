"""States over a while as a band to draw: where each lies, from the left, in thousandths of its width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app.protocol.states import ConnectionStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.queries.past import Span

WIDTH: Final = 1000
LEAST: Final = 3
"""No state is drawn narrower, or a loss of a second would not be seen in a day."""
HEIGHTS: Final = {
    ConnectionStatus.CONNECTED: (0, 24),
    ConnectionStatus.RECONNECTING: (8, 16),
    ConnectionStatus.ERROR: (4, 20),
    ConnectionStatus.DISCONNECTED: (18, 6),
    "never": (22, 2),
}
"""From the top, and how high: a state is told by its height as well as by its colour."""
BENEATH: Final = (ConnectionStatus.CONNECTED, ConnectionStatus.DISCONNECTED, "never")
"""These are drawn first, so that the others lie above them."""


class Piece(NamedTuple):
    """A rectangle of a band, in units of which the band has WIDTH."""

    status: str
    x: float
    y: int
    width: float
    height: int
    span: Span


def pieces(spans: Sequence[Span]) -> Sequence[Piece]:
    """Return the rectangles of spans without gaps, in the order in which they are drawn."""
    begin, whole = spans[0].begin, (spans[-1].end - spans[0].begin).total_seconds()
    found = []
    for span in spans:
        y, height = HEIGHTS[span.status]
        width = max(span.seconds / whole * WIDTH, LEAST)
        x = min((span.begin - begin).total_seconds() / whole * WIDTH, WIDTH - width)
        found.append(Piece(span.status, round(x, 1), y, round(width, 1), height, span))
    return sorted(found, key=lambda each: each.status not in BENEATH)


def shares(spans: Sequence[Span]) -> dict[str, float]:
    """Return how many percent of the while each state took, the longest first."""
    whole = (spans[-1].end - spans[0].begin).total_seconds()
    taken: dict[str, float] = {}
    for span in spans:
        taken[span.status] = taken.get(span.status, 0.0) + span.seconds / whole * 100
    return dict(sorted(taken.items(), key=lambda each: -each[1]))
