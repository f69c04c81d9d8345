"""Choosing many containers, and confirming what is asked of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask_wtf import FlaskForm
from wtforms import Form, HiddenField, IntegerField, SelectChoice, SelectField, SelectMultipleField
from wtforms.validators import InputRequired

from app.errors import Invalid
from app.queries import container_list
from app.queries.container_filter import ORDERS
from app.queries.paging import Where
from app.web.forms.container import ContainerConditions
from app.web.forms.fields import reason_field, uuid_of

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy.orm import Session
    from werkzeug.datastructures import MultiDict

MOST_SELECTED: Final = 200
"""Containers named one by one in a URL; a page has 50."""

WAYS: Final = (SelectChoice("selected"), SelectChoice("page"), SelectChoice("all"))


class ChoiceForm(Form):  # type: ignore[misc]  # WTForms ships no types
    """Which containers: those named, those of a page of the list, or all that its filter finds."""

    choose = SelectField("Of which containers", choices=WAYS, default="selected")
    container = SelectMultipleField(choices=[], validate_choice=False)

    def __init__(self, given: MultiDict[str, str]) -> None:
        super().__init__(given)
        self._given = given
        self.kind = given.get("kind", "")

    def ids(self, session: Session) -> Sequence[uuid.UUID]:
        """Return the ids of those that were chosen, as the database says now.

        Raises:
            Invalid: it is no choice.
        """
        if not self.validate():
            raise Invalid("choice", "; ".join(" ".join(each) for each in self.errors.values()))
        narrowed = ContainerConditions(self._given).values()
        if self.choose.data == "all":
            return container_list.ids(session, narrowed)
        if self.choose.data == "page":
            where = Where.of(self._given, ORDERS)
            return [row.id for row in container_list.page(session, narrowed, where).rows]
        named = [uuid_of(text) for text in self.container.data or ()]
        if len(named) > MOST_SELECTED:
            raise Invalid("container", f"at most {MOST_SELECTED} one by one; choose by a filter instead")
        return [each for each in named if each is not None]

    def chosen(self) -> Sequence[tuple[str, str]]:
        """Return what was chosen as parameters: containers by their ids, or the filter that finds them."""
        if self.choose.data == "selected":
            return [("container", text) for text in self.container.data or ()]
        place = ("sort", "after", "before") if self.choose.data == "page" else ()
        return [
            *ContainerConditions(self._given).in_url(),
            *((name, self._given[name]) for name in place if self._given.get(name)),
        ]

    def carried(self) -> Sequence[tuple[str, str]]:
        """Return it all as parameters, for the form that confirms it."""
        return [("kind", self.kind), ("choose", self.choose.data), *self.chosen()]


class ConfirmationForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """The count as it was read, why, and what the shown set is known by."""

    count = IntegerField(
        "How many", [InputRequired()], render_kw={"autocomplete": "off", "inputmode": "numeric"}
    )
    reason = reason_field(hint="Told to the containers and their callers, and kept in the audit trail.")
    shown = HiddenField()
