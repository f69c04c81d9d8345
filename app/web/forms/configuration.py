"""A container's connection configuration."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, SelectChoice, SelectField
from wtforms.validators import InputRequired, NumberRange

from app.errors import Invalid
from app.protocol.states import EncryptionLevel
from app.services.configurations import (
    ATTEMPTS,
    DEFAULTS,
    LABELS,
    MILLISECONDS,
    ConfigurationValues,
    check,
    read,
)
from app.web.forms.errors import report
from app.web.forms.fields import reason_field, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.models import Container


def _number(name: str, allowed: range, hint: str) -> IntegerField:
    least, most = allowed.start, allowed.stop - 1
    checks = [InputRequired("a whole number is needed"), NumberRange(least, most)]
    return IntegerField(LABELS[name], checks, description=hint, render_kw={"min": least, "max": most})


class ConfigurationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The fields of AcpConnectionConfiguration; times in milliseconds."""

    max_reconnect_attempts = _number("max_reconnect_attempts", ATTEMPTS, "then disconnected, or HTTP")
    reconnect_delay = _number("reconnect_delay", MILLISECONDS, "ms before the first attempt")
    max_reconnect_delay = _number("max_reconnect_delay", MILLISECONDS, "ms; delays double up to it")
    idle_timeout = _number("idle_timeout", MILLISECONDS, "ms of silence that mean a lost connection")
    keep_alive_interval = _number("keep_alive_interval", MILLISECONDS, "ms between pings")
    encryption_level = SelectField(
        LABELS["encryption_level"],
        choices=[SelectChoice(each.value) for each in EncryptionLevel],
        description="none: plain; standard: TLS 1.2+; high: TLS 1.3 with client certificate",
    )
    compression_enabled = BooleanField(LABELS["compression_enabled"], description="permessage-deflate")
    enable_bulk_operations = BooleanField(
        LABELS["enable_bulk_operations"], description="takes part in fleet-wide actions"
    )
    enable_status_events = BooleanField(
        LABELS["enable_status_events"], description="status messages are recorded"
    )
    enable_metrics = BooleanField(LABELS["enable_metrics"], description="measured in statistics")
    reason = reason_field("Reason for the change", "Kept with the revision and in the audit trail.")
    base = HiddenField()
    began = HiddenField()

    def __init__(self, container: Container, **given: Any) -> None:
        super().__init__(**given)
        self.endpoint_url = container.endpoint_url

    @classmethod
    def of(cls, container: Container, base: int | None, edited: Mapping[str, Any]) -> ConfigurationForm:
        """Return the form filled with what was sent, or else with what is stored and has been edited of it.

        `base` is the number of the revision that it is shown with, and the one the person began with.
        """
        stored = ConfigurationValues.of(container.configuration).as_dict()
        return cls(container, data={**stored, **edited, "base": base, "began": base})

    def joined(self, container: Container, base: int, values: ConfigurationValues) -> Self:
        """Return the form filled with these values in place of those that were sent."""
        kept = {"reason": self.reason.data, "began": self.began_number, "base": base}
        return type(self)(container, formdata=None, data={**values.as_dict(), **kept})

    @property
    def base_number(self) -> int | None:
        """The revision that was shown with the form; None where it does not say."""
        return whole(self.base.data)

    @property
    def began_number(self) -> int | None:
        """The revision that the person began with, before they were shown a newer one."""
        return whole(self.began.data)

    def values(self) -> ConfigurationValues:
        """Return what was entered as the service takes it."""
        return ConfigurationValues(**{name: self[name].data for name in DEFAULTS.as_dict()})

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

    @property
    def savable(self) -> bool:
        """Whether nothing is wrong but that the reason is still missing."""
        return not (self.errors.keys() - {"reason"})


def proposed(args: Mapping[str, str]) -> dict[str, Any]:
    """Return the values and the reason that a URL proposes; what cannot be read proposes nothing."""
    found: dict[str, Any] = {}
    for name in DEFAULTS.as_dict().keys() & args.keys():
        with suppress(Invalid):
            found[name] = read(name, args[name])
    return found | {name: args[name] for name in ("reason",) if name in args}
