"""Asking something of a container's connection."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField

from app.protocol.states import ActionKind
from app.web.forms.fields import reason_field


class ActionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Why; the buttons of the page say what."""

    kind = SelectField("Action", choices=[SelectChoice(each.value) for each in ActionKind])
    reason = reason_field(
        "Reason for the action", "Told to the container and its callers, too.", id="action-reason"
    )
