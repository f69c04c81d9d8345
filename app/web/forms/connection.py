"""How people narrow the list of connections; all of it stands in the URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wtforms import Form, SelectChoice, SelectField, StringField

from app.protocol.end_kinds import KINDS, SIDES, of_word, peer
from app.protocol.states import ConnectionStatus
from app.queries.connection_filter import ConnectionFilter
from app.queries.connection_list import OLDEST
from app.web.forms.container import PROTOCOLS
from app.web.forms.fields import known, line_field

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUSES = [SelectChoice(each.value) for each in ConnectionStatus]
BY = [SelectChoice(side, f"closed by {words}") for side, words in SIDES.items()]
ENDS = [SelectChoice(each.word, each.title) for each in (*KINDS.values(), peer(None))]
ORDERS = [SelectChoice("", "Newest first"), SelectChoice(OLDEST, "Oldest first")]


class ConnectionForm(Form):  # type: ignore[misc]  # WTForms ships no types
    """Words that it does not know narrow nothing; a moment that is none is refused by the view."""

    q = line_field("Container", length=200, type="search", placeholder="Container", autocomplete="off")
    status = SelectField("State", choices=[SelectChoice("", "Any state"), *STATUSES])
    protocol = SelectField("Protocol", choices=[SelectChoice("", "Any protocol"), *PROTOCOLS])
    by = SelectField("Closed by", choices=[SelectChoice("", "Closed by anybody"), *BY])
    kind = SelectField("Reason", choices=[SelectChoice("", "Any reason"), *ENDS], validate_choice=False)
    since = line_field(
        "Changed since", length=30, placeholder="Since: 24h, or a time in UTC", autocomplete="off"
    )
    until = line_field("Changed until", length=30, placeholder="Until", autocomplete="off")
    order = SelectField("Order", choices=ORDERS)
    after = StringField()
    before = StringField()

    def offer(self) -> None:
        """Offer the kind that the URL names, too: a container's close code has no line of its own."""
        kind = of_word(self.kind.data or "")
        if kind is not None and kind.word not in {each.value for each in ENDS}:
            self.kind.choices = [*self.kind.choices, SelectChoice(kind.word, kind.title)]

    @property
    def said(self) -> tuple[str | None, ...]:
        """All that decides how its fields look."""
        return tuple(field.data for field in self if field is not self.after and field is not self.before)

    def values(self) -> ConnectionFilter:
        return ConnectionFilter.of(self.data)

    @property
    def sorted_by(self) -> str:
        return known(self.order.data, ORDERS)

    def in_url(self) -> Mapping[str, str]:
        """Return the filter and the order as parameters of a URL."""
        narrowed = self.values()
        given = {
            "q": narrowed.text,
            "status": narrowed.status,
            "protocol": narrowed.protocol,
            "by": narrowed.by,
            "kind": narrowed.kind,
            "since": self.since.data or "",
            "until": self.until.data or "",
            "order": self.sorted_by,
        }
        return {name: value for name, value in given.items() if value}
