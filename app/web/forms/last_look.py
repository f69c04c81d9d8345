"""What somebody says who has seen what changed."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import HiddenField


class LookForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Until when: the moment at which the page was made, so that nothing between is missed."""

    until = HiddenField()
