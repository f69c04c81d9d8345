"""Keeping a view of a list."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField

from app.services.saved_views import LONGEST_NAME, LONGEST_QUERY
from app.web.forms.fields import line_field


class ViewForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A view's name, and whether others see it."""

    name = line_field("Name", length=LONGEST_NAME, required=True, autocomplete="off")
    shared = BooleanField("Share with everybody who reads")
    query = HiddenField()

    def of_query(self, query: str) -> ViewForm:
        """Fill in what is to be saved."""
        self.query.data = query[: LONGEST_QUERY * 2]
        return self
