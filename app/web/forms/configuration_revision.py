"""How people narrow the list of configuration revisions, and how they revert to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_wtf import FlaskForm
from wtforms import Form, HiddenField, SelectChoice, SelectField, StringField

from app.queries.configuration_revisions import RevisionFilter
from app.services.configurations import LABELS
from app.web.forms.fields import line_field, reason_field, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = [SelectChoice("", "Any setting"), *(SelectChoice(*each) for each in LABELS.items())]


def _time_field(label: str) -> StringField:
    return line_field(label, length=40, type="datetime-local")


class RevisionsForm(Form):  # type: ignore[misc]  # WTForms ships no types
    """What the list is narrowed to; all of it stands in the URL. Times are in UTC."""

    container = line_field(
        "Container", length=100, type="search", placeholder="Container", autocomplete="off"
    )
    actor = line_field("Who", length=200, type="search", placeholder="Who", autocomplete="off")
    field = SelectField("Setting", choices=FIELDS, validate_choice=False)
    since = _time_field("From (UTC)")
    until = _time_field("Until (UTC)")
    bulk = StringField()

    def values(self) -> RevisionFilter:
        """Return the filter that the query takes; what cannot be read narrows nothing."""
        return RevisionFilter.of(self.data, LABELS)

    def in_url(self) -> Mapping[str, str]:
        """Return the filter as parameters of a URL."""
        narrowed = self.values()
        given: dict[str, object] = {name: getattr(narrowed, name) for name in ("container", "actor", "field")}
        given |= {name: self[name].data for name in ("since", "until") if getattr(narrowed, name)}
        return {name: str(value) for name, value in (given | {"bulk": narrowed.bulk}).items() if value}


class RevertForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Why, and which revision was current when the page was shown."""

    reason = reason_field("Reason for the revert", "Kept with the new revision and in the audit trail.")
    base = HiddenField()

    @property
    def base_number(self) -> int | None:
        return whole(self.base.data)
