"""How people narrow the containers as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wtforms import Form, SelectChoice, SelectField, StringField

from app.queries.container_filter import ContainerFilter
from app.web.forms.container import PROTOCOLS, STATUSES
from app.web.forms.fields import known, line_field

if TYPE_CHECKING:
    from collections.abc import Mapping


class PastForm(Form):  # type: ignore[misc]  # WTForms ships no types
    """What the list is narrowed to and from where it is shown; all of it stands in the URL."""

    q = line_field(
        "Search", length=200, type="search", placeholder="Name, image or owner", autocomplete="off"
    )
    protocol = SelectField("Protocol", choices=[SelectChoice("", "Any protocol"), *PROTOCOLS])
    status = SelectField("State", choices=[SelectChoice("", "Any state"), *STATUSES])
    after = StringField()

    @property
    def said(self) -> tuple[str | None, ...]:
        """All that decides how its fields look."""
        return (self.q.data, self.protocol.data, self.status.data)

    def values(self) -> ContainerFilter:
        """Return the filter that the query takes; words it does not know narrow nothing."""
        return ContainerFilter(
            text=self.q.data or "",
            protocol=known(self.protocol.data, PROTOCOLS),
            status=known(self.status.data, STATUSES),
        )

    def in_url(self) -> Mapping[str, str]:
        """Return the filter as parameters of a URL."""
        narrowed = self.values()
        given = {"q": narrowed.text, "protocol": narrowed.protocol, "status": narrowed.status}
        return {name: value for name, value in given.items() if value}
