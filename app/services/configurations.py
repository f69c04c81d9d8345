"""Change how a container's connection behaves (data model: AcpConnectionConfiguration)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from app.errors import Invalid
from app.protocol.endpoints import parse_endpoint
from app.protocol.states import EncryptionLevel
from app.services import audit, doorbell
from app.services.rules import enforced

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.models import AcpConnectionConfiguration
    from app.services.actor import Actor

ATTEMPTS: Final = range(1001)
MILLISECONDS: Final = range(1, 86_400_001)  # a day
"""What an attempt count and a time may be; a test compares the form's limits with these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationValues:
    """The fields of a configuration that people set, with the model's defaults; times in milliseconds."""

    max_reconnect_attempts: int = 5
    reconnect_delay: int = 1000
    max_reconnect_delay: int = 30_000
    idle_timeout: int = 60_000
    keep_alive_interval: int = 30_000
    compression_enabled: bool = True
    encryption_level: str = EncryptionLevel.STANDARD
    enable_bulk_operations: bool = True
    enable_status_events: bool = True
    enable_metrics: bool = True

    @classmethod
    def of(cls, configuration: AcpConnectionConfiguration) -> ConfigurationValues:
        """Return the values that are stored."""
        return cls(**{each.name: getattr(configuration, each.name) for each in fields(cls)})

    def as_dict(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


# What is settled when the socket is opened; a change of anything else is applied to the open one.
NEEDS_RECONNECT: Final = frozenset({"compression_enabled", "encryption_level"})


def check(values: ConfigurationValues, endpoint_url: str) -> None:
    """Apply the data model's rules and the limits of sense.

    Raises:
        Invalid: naming the field and what is allowed there.
    """
    if values.max_reconnect_attempts not in ATTEMPTS:
        raise Invalid("max_reconnect_attempts", f"must be from 0 to {ATTEMPTS.stop - 1}")
    for name in ("reconnect_delay", "max_reconnect_delay", "idle_timeout", "keep_alive_interval"):
        if getattr(values, name) not in MILLISECONDS:
            raise Invalid(name, f"must be from 1 to {MILLISECONDS.stop - 1} milliseconds")
    if values.reconnect_delay > values.max_reconnect_delay:
        raise Invalid("reconnect_delay", "must be at most max_reconnect_delay")
    if values.encryption_level not in list(EncryptionLevel):
        raise Invalid("encryption_level", "must be one of none, standard, high")
    scheme = parse_endpoint(endpoint_url).scheme
    if values.encryption_level != EncryptionLevel.NONE and scheme == "http":
        raise Invalid("encryption_level", "the container's address is http://; only none is possible with it")


def update(
    session: Session,
    configuration: AcpConnectionConfiguration,
    values: ConfigurationValues,
    actor: Actor,
    reason: str | None = None,
) -> AcpConnectionConfiguration:
    """Store changed values; the gateway applies them at once.

    Raises:
        Invalid: a value breaks a rule; nothing is changed.
    """
    check(values, configuration.container.endpoint_url)
    before = ConfigurationValues.of(configuration)
    with enforced(session):
        for name, value in values.as_dict().items():
            setattr(configuration, name, value)
        session.flush()
    subject = ("acp_connection_configuration", configuration.container_id)
    audit.record(
        session,
        actor,
        "configuration changed",
        subject,
        reason=reason,
        before=before.as_dict(),
        after=values.as_dict(),
    )
    doorbell.ask(session, configuration.container_id)
    return configuration
