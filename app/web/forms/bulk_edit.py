"""Changing many configurations at once: which settings, and the confirmation of what was previewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm
from wtforms import Form, HiddenField, SelectChoice, SelectField, StringField

from app.errors import Invalid
from app.protocol.states import EncryptionLevel
from app.services.configurations import DEFAULTS, LABELS, read
from app.web.forms.fields import line_field, reason_field, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wtforms import Field

LEAVE = SelectChoice("", "leave as it is")
SWITCH = [LEAVE, SelectChoice("on"), SelectChoice("off")]
LEVELS = [LEAVE, *(SelectChoice(each.value) for each in EncryptionLevel)]


def _field(name: str) -> Field:
    """A setting that is left as it is where nothing is entered."""
    default = getattr(DEFAULTS, name)
    if isinstance(default, bool):
        return SelectField(LABELS[name], choices=SWITCH, validate_choice=False)
    if name == "encryption_level":
        return SelectField(LABELS[name], choices=LEVELS, validate_choice=False)
    return StringField(LABELS[name], render_kw={"type": "number", "min": 0, "placeholder": "leave as it is"})


class SettingsForm(Form):  # type: ignore[misc]  # WTForms ships no types
    """What is to be changed; it stands in the URL, as do the containers."""

    max_reconnect_attempts = _field("max_reconnect_attempts")
    reconnect_delay = _field("reconnect_delay")
    max_reconnect_delay = _field("max_reconnect_delay")
    idle_timeout = _field("idle_timeout")
    keep_alive_interval = _field("keep_alive_interval")
    compression_enabled = _field("compression_enabled")
    encryption_level = _field("encryption_level")
    enable_bulk_operations = _field("enable_bulk_operations")
    enable_status_events = _field("enable_status_events")
    enable_metrics = _field("enable_metrics")

    def changes(self) -> Mapping[str, Any]:
        """Return what was entered; what cannot be read is told at its field."""
        found: dict[str, Any] = {}
        for field in self:
            try:
                if field.data:
                    found[field.name] = read(field.name, field.data.strip())
            except Invalid as error:
                field.errors = [error.problem]
        return found

    @property
    def given(self) -> list[tuple[str, str]]:
        """Name what was entered, as it was."""
        return [(field.name, field.data) for field in self if field.data]


class ConfirmForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A bulk edit is confirmed by typing how many configurations it changes."""

    count = line_field("How many", length=10, required=True, autocomplete="off", inputmode="numeric")
    reason = reason_field("Reason for the change", "Kept with each revision and in the audit trail.")
    fingerprint = HiddenField()

    @property
    def number(self) -> int:
        """The number that was typed; -1 for what is none."""
        typed = whole(self.count.data)
        return -1 if typed is None else typed
