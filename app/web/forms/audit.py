"""How people narrow the audit trail."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from wtforms import Form, SelectChoice, SelectField, StringField

from app.queries.audit import AuditFilter
from app.web.forms.fields import line_field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class AuditForm(Form):  # type: ignore[misc]  # WTForms ships no types
    """What the trail is narrowed to; all of it stands in the URL."""

    actor = line_field("Who", length=200, type="search", placeholder="Who", autocomplete="off")
    action = SelectField("Action", choices=[], validate_choice=False)
    subject = StringField()

    def offer(self, actions: Sequence[str]) -> None:
        """Offer the actions that there are."""
        self.action.choices = [SelectChoice("", "Any action"), *map(SelectChoice, actions)]

    def values(self) -> AuditFilter:
        return AuditFilter(self.actor.data or "", self.action.data or "", _uuid(self.subject.data))

    def in_url(self) -> Mapping[str, str]:
        """Return the filter as parameters of a URL."""
        narrowed = self.values()
        given = {"actor": narrowed.actor, "action": narrowed.action, "subject": narrowed.subject}
        return {name: str(value) for name, value in given.items() if value}


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None
