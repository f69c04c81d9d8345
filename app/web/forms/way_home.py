"""Whether, and how patiently, a container returns to ACP after a fallback."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField
from wtforms.validators import InputRequired

from app.protocol.way_home import DAY_SECONDS, MOST_ATTEMPTS, WayHome
from app.web.forms.fields import reason_field


def _number(label: str, hint: str, most: int) -> IntegerField:
    attributes = {"min": 1, "max": most, "inputmode": "numeric"}
    return IntegerField(label, [InputRequired()], description=hint, render_kw=attributes)


class WayHomeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The wish; its fields are called as in `protocol/way_home`."""

    wanted = BooleanField("Return to ACP by itself after a fallback")
    stable_seconds = _number("HTTP stable for, in seconds", "Before each return.", DAY_SECONDS)
    cool_down_seconds = _number(
        "Cool-down, in seconds", "After a failure; each further one doubles it.", DAY_SECONDS
    )
    max_attempts = _number("Most returns", "Then it stays on HTTP until somebody migrates it.", MOST_ATTEMPTS)
    reason = reason_field("Reason for the change", "In the audit trail.", id="way-home-reason")

    def wish(self) -> WayHome:
        """Return what is wished, to be checked."""
        return WayHome(
            wanted=self.wanted.data,
            stable_seconds=self.stable_seconds.data,
            cool_down_seconds=self.cool_down_seconds.data,
            max_attempts=self.max_attempts.data,
        )
