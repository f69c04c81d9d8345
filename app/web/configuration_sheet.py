"""A configuration as its page shows it: what is current, the default and what is edited, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from app.extensions import db
from app.queries import configuration_revisions
from app.services.configurations import DEFAULTS, ConfigurationValues, merge, reconnects
from app.web.forms.configuration import ConfigurationForm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wtforms import Field

    from app.models import ConfigurationRevision, Container


class Line(NamedTuple):
    """A field: what is current, the default, and what was current when the person began."""

    field: Field
    current: Any
    default: Any
    began: Any

    @property
    def name(self) -> str:
        return str(self.field.name)

    @property
    def written(self) -> str:
        """The edited value as a URL has it."""
        return {True: "on", False: "off"}.get(self.field.data, str(self.field.data))

    @property
    def changed(self) -> bool:
        """Whether saving changes it."""
        return bool(self.field.data != self.current)

    @property
    def kept(self) -> bool:
        """Whether both have changed it, and the person's value stays."""
        return self.current != self.began and self.field.data not in (self.began, self.current)

    @property
    def reconnects(self) -> bool:
        return reconnects([self.name])


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form beside what is stored. `newer` is the revision that was saved since the person began."""

    form: ConfigurationForm
    lines: list[Line]
    latest: ConfigurationRevision | None
    newer: ConfigurationRevision | None

    @classmethod
    def of(cls, container: Container, edited: Mapping[str, Any] | None = None) -> Sheet:
        """Return the sheet with what was sent, or else with what is stored and has been edited of it."""
        latest = configuration_revisions.latest(db.session(), container.id)
        number = latest.number if latest is not None else None
        return cls._of(container, ConfigurationForm.of(container, number, edited or {}), latest)

    @classmethod
    def joined(cls, container: Container, sent: ConfigurationForm) -> Sheet:
        """Return the sheet with what was sent joined with what others have saved meanwhile."""
        latest = configuration_revisions.latest(db.session(), container.id)
        now = ConfigurationValues.of(container.configuration)
        base = _values(container, sent.base_number) or now
        values = merge(base, now, sent.values()).values
        return cls._of(container, sent.joined(container, latest.number if latest else 0, values), latest)

    @classmethod
    def _of(
        cls, container: Container, form: ConfigurationForm, latest: ConfigurationRevision | None
    ) -> Sheet:
        began = form.began_number
        newer = latest if latest and began is not None and began != latest.number else None
        now = ConfigurationValues.of(container.configuration)
        old = ((_values(container, began) if newer else None) or now).as_dict()
        defaults = DEFAULTS.as_dict()
        lines = [
            Line(form[name], current, defaults[name], old[name]) for name, current in now.as_dict().items()
        ]
        return cls(form, lines, latest, newer)

    @property
    def joined_up(self) -> bool:
        """Whether the form has what others saved since the person began."""
        return self.newer is not None and self.form.base_number == self.newer.number

    @property
    def changes(self) -> list[Line]:
        """What saving would change."""
        return [line for line in self.lines if line.changed]

    @property
    def pairs(self) -> list[str]:
        """The same as a command takes it."""
        return [f"{line.name}={line.written}" for line in self.changes]

    @property
    def reconnects(self) -> bool:
        """Whether saving needs another connection."""
        return any(line.reconnects for line in self.changes)


def _values(container: Container, number: int | None) -> ConfigurationValues | None:
    """Return what a revision of the container has, if there is such a one."""
    found = configuration_revisions.find(db.session(), container.id, number) if number else None
    return ConfigurationValues.of_settings(found.settings) if found else None
