"""Change how a container's connection behaves (data model: AcpConnectionConfiguration).

Every change is a revision, with who and why, in its own transaction. Whoever was shown a revision says which
(`base`), so that nobody takes back unseen what another has saved meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from app.errors import Invalid, Outdated
from app.protocol.endpoints import parse_endpoint
from app.protocol.states import EncryptionLevel
from app.services import configuration_revisions as revisions
from app.services import doorbell
from app.services.rules import enforced

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

    from app.models import AcpConnectionConfiguration, ConfigurationRevision
    from app.services.actor import Actor

ATTEMPTS: Final = range(1001)
MILLISECONDS: Final = range(1, 86_400_001)  # a day
"""What an attempt count and a time may be; a test compares the form's limits with these."""
LONGEST: Final = 12
"""Digits of a number that is read at all."""


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

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> ConfigurationValues:
        """Return what a revision keeps; a field that came later has its default."""
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in names})

    def as_dict(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


DEFAULTS: Final = ConfigurationValues()
LABELS: Final[Mapping[str, str]] = {
    "max_reconnect_attempts": "Reconnect attempts",
    "reconnect_delay": "First delay",
    "max_reconnect_delay": "Longest delay",
    "idle_timeout": "Idle timeout",
    "keep_alive_interval": "Keep-alive interval",
    "compression_enabled": "Compression",
    "encryption_level": "Encryption",
    "enable_bulk_operations": "Bulk operations",
    "enable_status_events": "Status events",
    "enable_metrics": "Metrics",
}
"""What people call each field."""

# What is settled when the socket is opened; a change of anything else is applied to the open one.
NEEDS_RECONNECT: Final = frozenset({"compression_enabled", "encryption_level"})


_SWITCHES: Final = {"true": True, "yes": True, "on": True, "1": True}
_SWITCHES.update({"false": False, "no": False, "off": False, "0": False})


def reconnects(fields_changed: Iterable[str]) -> bool:
    """Tell whether a change of these fields needs another connection."""
    return not NEEDS_RECONNECT.isdisjoint(fields_changed)


def read(name: str, text: str) -> Any:
    """Read the value of a field as people write it.

    Raises:
        Invalid: there is no such field, or the text is no value of its kind.
    """
    defaults = DEFAULTS.as_dict()
    if name not in defaults:
        raise Invalid(name, f"not FIELD=VALUE with a FIELD of {', '.join(defaults)}")
    if isinstance(defaults[name], bool):
        if text.lower() not in _SWITCHES:
            raise Invalid(name, f"{text!r} is neither true nor false")
        return _SWITCHES[text.lower()]
    if isinstance(defaults[name], int):
        if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST):
            raise Invalid(name, f"{text!r} is not a whole number")
        return int(text)
    return text


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


class Merged(NamedTuple):
    """What comes of two changes of one base: `taken` is what only they changed, `both` has mine kept."""

    values: ConfigurationValues
    taken: list[str]
    both: list[str]


def merge(base: ConfigurationValues, theirs: ConfigurationValues, mine: ConfigurationValues) -> Merged:
    """Join what two people made of the same values, so that neither takes back unseen what the other did."""
    old, other, own = base.as_dict(), theirs.as_dict(), mine.as_dict()
    taken = [name for name in old if own[name] == old[name] != other[name]]
    both = [name for name in old if old[name] not in (other[name], own[name]) and other[name] != own[name]]
    untouched = {name: other[name] for name in old if own[name] == old[name]}
    return Merged(ConfigurationValues(**own | untouched), taken, both)


def check_reason(reason: str) -> str:
    """Return the reason for a change. Raises Invalid where there is none."""
    if not reason.strip():
        raise Invalid("reason", "say why, for those who read the history")
    return reason.strip()


def update(
    session: Session,
    configuration: AcpConnectionConfiguration,
    values: ConfigurationValues,
    actor: Actor,
    reason: str,
    *,
    base: int | None = None,
) -> ConfigurationRevision | None:
    """Store changed values as the next revision, which is returned; the gateway applies them at once.

    `base` is the number of the revision that was shown to who changes it; None asks for no such thing. Where
    nothing is changed, nothing is written, and None returned.

    Raises:
        Invalid: a value breaks a rule, or there is no reason.
        Outdated: another revision was saved meanwhile. What the caller may commit then is the note of a
            change by others.
    """
    return _change(session, configuration, values, actor, reason, base=base)


def revert(
    session: Session,
    revision: ConfigurationRevision,
    actor: Actor,
    reason: str,
    *,
    base: int | None = None,
) -> ConfigurationRevision | None:
    """Bring back what an earlier revision has, as a new one. Raises as `update` does."""
    values = ConfigurationValues.of_settings(revision.settings)
    return _change(
        session,
        revision.container.configuration,
        values,
        actor,
        reason,
        base=base,
        reverted_from=revision.number,
    )


def _change(
    session: Session,
    configuration: AcpConnectionConfiguration,
    values: ConfigurationValues,
    actor: Actor,
    reason: str,
    *,
    base: int | None,
    reverted_from: int | None = None,
) -> ConfigurationRevision | None:
    why = check_reason(reason)
    latest = revisions.settle(session, configuration)
    if base is not None and base != latest.number:
        raise Outdated(f"revision {latest.number} was saved by {latest.actor} meanwhile: {latest.reason}")
    check(values, configuration.container.endpoint_url)
    if values.as_dict() == latest.settings:
        return None
    _put(session, configuration, values)
    revision = revisions.write(
        session,
        configuration.container_id,
        values.as_dict(),
        latest,
        actor=actor,
        reason=why,
        reverted_from=reverted_from,
    )
    revisions.note(session, revision, latest.settings, "configuration changed")
    doorbell.ask(session, configuration.container_id)
    return revision


def _put(session: Session, configuration: AcpConnectionConfiguration, values: ConfigurationValues) -> None:
    """Write values into a configuration's row. Raises Invalid where the database knows a rule better."""
    with enforced(session):
        for name, value in values.as_dict().items():
            setattr(configuration, name, value)
        session.flush()
