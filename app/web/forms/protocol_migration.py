"""Moving a container to the other protocol, or back."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField

from app.protocol.states import Protocol
from app.web.forms.fields import reason_field


class MigrationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Where to, and why; the buttons of the page say where."""

    to_protocol = SelectField(
        "To", choices=[SelectChoice(each.value, each.value.upper()) for each in Protocol]
    )
    reason = reason_field(
        "Reason for the migration", "For those who read the history.", id="migration-reason"
    )


class RollbackForm(FlaskForm):  # type: ignore[misc]
    """Why a protocol migration is taken back."""

    reason = reason_field(hint="For those who read the history.")
