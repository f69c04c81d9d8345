"""The topics of figures: read again after a while, for the whole fleet changes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.live.channels import Beating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.queries.statistics_view import View


class Overview(Beating):
    """The fleet at a glance. Bells ring all the time for a fleet, so it is read again after a while."""

    every = 5.0

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        names = ("stuck", "figures", "rates", "losses", "gateways", "rollouts", "migrations")
        return [(f"overview_{name}", {}) for name in names]


class Stuck(Beating):
    """What is stuck, of a kind or all: nothing rings when something has waited for too long."""

    every = 5.0

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._subject = {"kind": kind}

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("stuck", self._subject)]


class Gateways(Beating):
    """The gateways, with their heartbeats."""

    every = 2.0

    def __init__(self, sort: str) -> None:
        super().__init__()
        self._subject = {"sort": sort}

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("gateways", self._subject)]


class Statistics(Beating):
    """Figures over a range that goes on with time; the rollups are seconds behind themselves."""

    every = 10.0

    def __init__(self, view: View) -> None:
        super().__init__()
        self._view = view

    def _facts(self) -> Sequence[tuple[str, dict[str, Any]]]:
        return [("statistics", {"view": self._view})]
