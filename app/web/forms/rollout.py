"""A rollout's plan, the confirmation that makes it, and what people say when they control one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    FloatField,
    Form,
    HiddenField,
    IntegerField,
    SelectChoice,
    SelectField,
)
from wtforms.validators import InputRequired, NumberRange, Optional

from app.protocol.rollout_plan import Crossed, Feature, Limits, RolloutPlan
from app.protocol.states import Protocol
from app.protocol.strategies import Plan, Strategy, Verification, zones
from app.protocol.windows import DAYS, Window
from app.queries import rollout_selection
from app.web.forms.container import PROTOCOLS, ContainerConditions
from app.web.forms.fields import CheckboxesField, line_field, reason_field, text_field

if TYPE_CHECKING:
    from collections.abc import Sequence

FILLED: Final = "filled"
"""In the URL of a form that was sent: an unticked box says nothing there, and is no default then."""

PERCENT: Final = 100
BOXES: Final = frozenset({"represent", "window_days", "no_data"})
"""Fields that are ticked at first."""
STRATEGIES: Final = (
    SelectChoice(Strategy.GRACEFUL.value, "graceful: open requests finish first"),
    SelectChoice(Strategy.IMMEDIATE.value, "immediate: open requests are interrupted"),
)
CROSSED: Final = (
    SelectChoice(Crossed.PAUSE.value, "it pauses and waits for a person"),
    SelectChoice(Crossed.ROLL_BACK.value, "all that were moved are taken back"),
)
USUAL: Final = RolloutPlan()


def _number(label: str, hint: str = "", *, least: int = 0, required: bool = True) -> IntegerField:
    checks = [InputRequired()] if required else [Optional()]
    attributes = {"min": least, "inputmode": "numeric"}
    return IntegerField(label, [*checks, NumberRange(min=least)], description=hint, render_kw=attributes)


def _percent(label: str, hint: str) -> FloatField:
    checks = [Optional(), NumberRange(0, PERCENT)]
    return FloatField(label, checks, description=hint, render_kw={"inputmode": "decimal"})


class PlanForm(Form):  # type: ignore[misc]  # WTForms ships no types
    """The plan; whom it is for is said as in the containers' list, and all of it stands in the URL."""

    name = line_field("Name", length=100, required=True, hint="So that others know which it is.")
    to_protocol = SelectField("To", choices=PROTOCOLS)
    waves = line_field(
        "Waves",
        length=400,
        required=True,
        hint="How far each goes in all: a number of containers, or percent. The last has all that are left.",
    )
    canaries = text_field(
        "Canaries by hand",
        length=10_000,
        rows=2,
        hint="Names, with commas or spaces between; they are a first wave of their own. Empty: chosen so that"
        " they represent the selection.",
    )
    represent = CheckboxesField(
        "Represented by", choices=[SelectChoice(each.value) for each in Feature], validate_choice=True
    )
    bake_seconds = _number("Bake time, in seconds", "A wave is watched for so long after its last container.")
    pause_after = line_field(
        "Pause on success", length=200, hint="each, or numbers of waves such as 1, 2, or nothing."
    )
    concurrency = _number("At once", "Containers that are moved at the same time.", least=1)
    late_joiners = BooleanField("Containers that come to match later join the last wave")
    strategy = SelectField("Strategy for each container", choices=STRATEGIES)
    drain_seconds = _number("Drain limit, in seconds", "How long open requests may take. Immediate has none.")
    seconds = _number("Watched for, in seconds", "After its switch; worse than before, and it goes back.")
    windowed = BooleanField("Begin containers only within a window")
    window_days = CheckboxesField("Days", choices=[SelectChoice(each) for each in DAYS])
    window_begins = line_field("From", length=5, hint="Such as 22:00.")
    window_ends = line_field("To", length=5, hint="The same as from: all day.")
    window_zone = SelectField("Time zone", choices=lambda: [SelectChoice(each) for each in sorted(zones())])
    failures = _number("Failed containers of a wave", "So many are too many.", least=1, required=False)
    failure_rate = _percent("Part that may fail, in percent", "Of those of a wave that have ended.")
    failure_sample = _number("… once so many have ended", least=1)
    success = _percent("Requests that have to succeed, in percent", "Over a rolling hour.")
    success_sample = _number("… once there are so many", least=1)
    latency_ratio = FloatField(
        "Highest latency", [Optional()], description="As a multiple of the old protocol's median."
    )
    latency_sample = _number("… once so many are measured", least=1)
    no_data = BooleanField("Not heard of until the bake time is over counts as failed")
    crossed = SelectField("Where a limit is crossed", choices=CROSSED)

    def __init__(self, given: MultiDict[str, str]) -> None:
        self.sent = FILLED in given
        usual = _usual()
        if self.sent:  # a link need not say what is as usual; of boxes, absence says something
            missing = {name: str(usual[name]) for name in usual.keys() - given.keys() - BOXES}
            given = MultiDict([*given.items(multi=True), *missing.items()])
        super().__init__(given if self.sent else None, data=usual)
        self.conditions = ContainerConditions(given)

    def plan(self) -> RolloutPlan:
        """Return what was entered; it has been validated.

        Raises:
            Invalid: a value breaks a rule.
        """
        plan = RolloutPlan(
            to_protocol=self.to_protocol.data,
            selection=rollout_selection.written(self.conditions.values()),
            waves=self.waves.data,
            canaries=tuple(each for each in re.split(r"[\s,]+", self.canaries.data or "") if each),
            represent=tuple(Feature(each) for each in self.represent.data or ()),
            late_joiners=self.late_joiners.data,
            bake_seconds=self.bake_seconds.data,
            pause_after=self.pause_after.data,
            concurrency=self.concurrency.data,
            window=self._window(),
            migration=self._migration(),
            limits=self._limits(),
        )
        plan.check()
        return plan

    def in_url(self) -> Sequence[tuple[str, str]]:
        """Return all of it as parameters, for links and for the form that confirms it."""
        told = [(FILLED, "1"), *self.conditions.in_url()]
        for field in self:
            values = field.data if isinstance(field, CheckboxesField) else [_written(field)]
            told += [(field.name, str(value)) for value in values or () if value not in {None, ""}]
        return told

    def _window(self) -> Window | None:
        if not self.windowed.data:
            return None
        return Window(
            days=tuple(self.window_days.data or ()),
            begins=self.window_begins.data,
            ends=self.window_ends.data,
            zone=self.window_zone.data,
        )

    def _migration(self) -> Plan:
        strategy = Strategy(self.strategy.data)
        drain = 0 if strategy is Strategy.IMMEDIATE else self.drain_seconds.data
        return Plan(
            strategy=strategy, drain_seconds=drain, verification=Verification(seconds=self.seconds.data)
        )

    def _limits(self) -> Limits:
        return Limits(
            failures=self.failures.data,
            failure_rate=_part(self.failure_rate.data),
            failure_sample=self.failure_sample.data,
            success=_part(self.success.data),
            success_sample=self.success_sample.data,
            latency_ratio=self.latency_ratio.data,
            latency_sample=self.latency_sample.data,
            no_data=self.no_data.data,
            crossed=Crossed(self.crossed.data),
        )


class ConfirmForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The count as it was read, why, and what the shown set is known by."""

    count = IntegerField(
        "How many", [InputRequired()], render_kw={"autocomplete": "off", "inputmode": "numeric"}
    )
    reason = reason_field(hint="Shown with the rollout, and kept in the audit trail.")
    shown = HiddenField()


class ControlForm(FlaskForm):  # type: ignore[misc]
    """Why a rollout is controlled; where it concerns many, how many."""

    count = IntegerField(
        "How many", [InputRequired()], render_kw={"autocomplete": "off", "inputmode": "numeric"}
    )
    accept = BooleanField("Start with the containers that take part now")
    reason = reason_field(hint="Shown with the rollout, and kept in the audit trail.")

    def __init__(self, *, counted: bool, changed: bool) -> None:
        super().__init__()
        if not counted:
            del self.count
        if not changed:
            del self.accept


def _usual() -> dict[str, Any]:
    """Return what the form is filled with at first."""
    limits, window = USUAL.limits, Window()
    return {
        "to_protocol": Protocol.ACP.value,
        "waves": USUAL.waves,
        "represent": [each.value for each in USUAL.represent],
        "bake_seconds": USUAL.bake_seconds,
        "concurrency": USUAL.concurrency,
        "strategy": USUAL.migration.strategy.value,
        "drain_seconds": USUAL.migration.drain_seconds,
        "seconds": USUAL.migration.verification.seconds,
        "window_days": list(window.days),
        "window_begins": window.begins,
        "window_ends": window.ends,
        "window_zone": window.zone,
        "failures": limits.failures,
        "failure_rate": _hundredfold(limits.failure_rate),
        "failure_sample": limits.failure_sample,
        "success": _hundredfold(limits.success),
        "success_sample": limits.success_sample,
        "latency_ratio": limits.latency_ratio,
        "latency_sample": limits.latency_sample,
        "no_data": limits.no_data,
        "crossed": limits.crossed.value,
    }


def _hundredfold(part: float | None) -> float | None:
    return None if part is None else round(part * PERCENT, 6)


def _part(percent: float | None) -> float | None:
    return None if percent is None else round(percent / PERCENT, 8)


def _written(field: Any) -> str | None:
    """Write a field's value as a URL has it; a box that is not ticked is left away."""
    if isinstance(field, BooleanField):
        return "y" if field.data else None
    return f"{field.data:g}" if isinstance(field.data, float) else field.data
