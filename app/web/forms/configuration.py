"""A container's connection configuration."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectChoice, SelectField
from wtforms.validators import InputRequired, NumberRange

from app.errors import Invalid
from app.protocol.states import EncryptionLevel
from app.services.configurations import (
    ATTEMPTS,
    MILLISECONDS,
    NEEDS_RECONNECT,
    ConfigurationValues,
    check,
)
from app.web.forms.errors import report
from app.web.forms.fields import reason_field

if TYPE_CHECKING:
    from app.models import Container

DEFAULTS = ConfigurationValues()


def _number(label: str, allowed: range, hint: str) -> IntegerField:
    least, most = allowed.start, allowed.stop - 1
    checks = [InputRequired("a whole number is needed"), NumberRange(least, most)]
    return IntegerField(label, checks, description=hint, render_kw={"min": least, "max": most})


class ConfigurationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The fields of AcpConnectionConfiguration; times in milliseconds."""

    max_reconnect_attempts = _number("Reconnect attempts", ATTEMPTS, "then disconnected, or HTTP")
    reconnect_delay = _number("First delay", MILLISECONDS, "ms before the first attempt")
    max_reconnect_delay = _number("Longest delay", MILLISECONDS, "ms; delays double up to it")
    idle_timeout = _number("Idle timeout", MILLISECONDS, "ms of silence that mean a lost connection")
    keep_alive_interval = _number("Keep-alive interval", MILLISECONDS, "ms between pings")
    encryption_level = SelectField(
        "Encryption",
        choices=[SelectChoice(each.value) for each in EncryptionLevel],
        description="none: plain; standard: TLS 1.2+; high: TLS 1.3 with client certificate",
    )
    compression_enabled = BooleanField("Compression", description="permessage-deflate")
    enable_bulk_operations = BooleanField("Bulk operations", description="takes part in fleet-wide actions")
    enable_status_events = BooleanField("Status events", description="status messages are recorded")
    enable_metrics = BooleanField("Metrics", description="measured in statistics")
    reason = reason_field("Reason for the change", "Optional. Kept in the audit trail.", required=False)

    @classmethod
    def of(cls, container: Container) -> ConfigurationForm:
        """Return the form filled with what is stored, or with what was sent."""
        form = cls(data=ConfigurationValues.of(container.configuration).as_dict())
        form.stored = ConfigurationValues.of(container.configuration)
        form.endpoint_url = container.endpoint_url
        return form

    def values(self) -> ConfigurationValues:
        """Return what was entered as the service takes it."""
        return ConfigurationValues(
            **{each.name: self[each.name].data for each in fields(ConfigurationValues)}
        )

    def validate(self, extra_validators: Any = None) -> bool:
        """Check each field, then the rules that join several, which are the service's."""
        if not super().validate(extra_validators):
            return False
        try:
            check(self.values(), self.endpoint_url)
        except Invalid as error:
            report(error, self)
            return False
        return True

    def changed(self) -> list[str]:
        """Name the fields that saving would change."""
        stored = self.stored.as_dict()
        return [name for name, value in stored.items() if self[name].data != value]

    def reconnects(self) -> bool:
        """Tell whether saving would need a new connection."""
        return not NEEDS_RECONNECT.isdisjoint(self.changed())
