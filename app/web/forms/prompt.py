"""Sending a prompt."""

from __future__ import annotations

from typing import Final

from flask_wtf import FlaskForm
from wtforms import BooleanField

from app.web.forms.fields import text_field

LONGEST_PROMPT: Final = 20_000
"""Characters: more than anybody types, far less than a frame may have."""


class PromptForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A text for the agent."""

    text = text_field("Prompt", length=LONGEST_PROMPT, required=True, rows=2)
    allow_once = BooleanField("Allow what it asks once")
