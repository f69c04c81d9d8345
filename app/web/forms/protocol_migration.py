"""Moving a container to the other protocol, or back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    FloatField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectField,
)
from wtforms.validators import InputRequired, Optional

from app.protocol.states import Protocol
from app.protocol.strategies import Plan, Strategy, Verification, instant, zones
from app.web.forms.fields import reason_field

if TYPE_CHECKING:
    from collections.abc import Mapping

WORDS: Final[Mapping[Strategy, str]] = {
    Strategy.GRACEFUL: "New requests wait while open ones finish, up to the drain limit. The usual choice.",
    Strategy.IMMEDIATE: "Switches at once. What is open is interrupted with a clear error.",
    Strategy.SCHEDULED: "Graceful, at a time that you choose.",
    Strategy.MANUAL: "Dials and looks now, then waits for somebody to switch it; graceful from there on.",
}
"""What each strategy means, the usual one first."""


def _target() -> SelectField:
    return SelectField("To", choices=[SelectChoice(each.value, each.value.upper()) for each in Protocol])


class MigrationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The quick way: where to, and why; the buttons of the page say where."""

    to_protocol = _target()
    reason = reason_field(
        "Reason for the migration", "For those who read the history.", id="migration-reason"
    )


class PlanForm(FlaskForm):  # type: ignore[misc]
    """A migration with its whole plan; its fields are called as in `protocol/strategies`."""

    to_protocol = _target()
    strategy = RadioField(
        "Strategy", choices=[SelectChoice(each.value, each.value.capitalize()) for each in WORDS]
    )
    drain_seconds = IntegerField(
        "Drain limit, in seconds",
        [InputRequired()],
        description="How long open requests may take before the switch interrupts them.",
        render_kw={"min": 0, "max": 86_400, "inputmode": "numeric"},
    )
    scheduled_at = DateTimeLocalField(
        "When",
        [Optional()],
        description="On the clocks of the zone. Of an hour that they show twice, the first.",
    )
    scheduled_zone = SelectField(
        "Time zone", choices=lambda: [SelectChoice(each) for each in sorted(zones())]
    )
    seconds = IntegerField(
        "Watched for, in seconds",
        [InputRequired()],
        description="0: one sign of life only.",
        render_kw={"min": 0, "max": 3600},
    )
    pings = IntegerField("Health pings", [InputRequired()], description="At least.", render_kw={"min": 1})
    max_error_rate = FloatField(
        "Highest error rate",
        [InputRequired()],
        description="From 0 to 1.",
        render_kw={"inputmode": "decimal"},
    )
    min_sample = IntegerField(
        "Smallest sample",
        [InputRequired()],
        description="Pings and requests before the rate counts.",
        render_kw={"min": 1},
    )
    max_latency_ratio = FloatField(
        "Highest latency",
        [InputRequired()],
        description="As a multiple of the old protocol's median.",
        render_kw={"inputmode": "decimal"},
    )
    reason = reason_field(hint="For those who read the history, and in the audit trail.")
    anyway = BooleanField("Start anyway: what the last dry run found is mended, or does not matter")

    @classmethod
    def filled(cls, given: Mapping[str, str], to: str) -> PlanForm:
        """Return the form with the usual plan, and with what an address says in its place."""
        usual = Plan()
        values = {"to_protocol": to, "scheduled_zone": "UTC"} | usual.verification.as_dict()
        values |= {"strategy": str(usual.strategy), "drain_seconds": usual.drain_seconds}
        known = {name: given[name] for name in (*values, "scheduled_at", "reason") if name in given}
        form: PlanForm = cls(MultiDict({name: str(value) for name, value in (values | known).items()}))
        return form

    def plan(self) -> Plan:
        """Return the plan that is asked for.

        Raises:
            Invalid: a value breaks a rule, or the time does not exist on the clocks of its zone.
        """
        strategy = Strategy(self.strategy.data)
        scheduled = strategy is Strategy.SCHEDULED and self.scheduled_at.data is not None
        zone = self.scheduled_zone.data if scheduled else None
        plan = Plan(
            strategy=strategy,
            drain_seconds=0 if strategy is Strategy.IMMEDIATE else self.drain_seconds.data,
            scheduled_at=instant(self.scheduled_at.data, zone) if zone is not None else None,
            scheduled_zone=zone,
            verification=Verification(
                seconds=self.seconds.data,
                pings=self.pings.data,
                max_error_rate=self.max_error_rate.data,
                min_sample=self.min_sample.data,
                max_latency_ratio=self.max_latency_ratio.data,
            ),
        )
        plan.check()
        return plan


class AskedForm(FlaskForm):  # type: ignore[misc]
    """Why something is asked of a protocol migration: to switch it, to cancel it, to take it back."""

    reason = reason_field(hint="For those who read the history.")
