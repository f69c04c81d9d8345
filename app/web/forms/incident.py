"""Making an incident, adding to it, prolonging and revoking its link."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final

from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, SelectField

from app.protocol.audience import Audience
from app.services.incidents import LONGEST_NOTE, LONGEST_TITLE, IncidentValues
from app.web.forms.fields import line_field, moment_field, moment_given, reason_field, text_field

if TYPE_CHECKING:
    from collections.abc import Mapping

LIVES: Final = {1: "1 hour", 24: "1 day", 72: "3 days", 168: "7 days", 720: "30 days", 2160: "90 days"}
"""Hours that a link may work, in words."""
LONGEST_LIST: Final = 2000
WORDS_OF_AUDIENCE: Final = {
    Audience.SIGNED_IN: "People who are signed in here and may read",
    Audience.ANYONE: "Anyone with the link, without signing in",
}


def _life_field() -> SelectField:
    choices = [SelectChoice(str(hours), words) for hours, words in LIVES.items()]
    return SelectField("The link works for", choices=choices, default="168", description="From now on.")


class IncidentForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What it is about, for whom, and for how long."""

    title = line_field("Title", length=LONGEST_TITLE, required=True, autocomplete="off")
    containers = line_field(
        "Containers",
        length=LONGEST_LIST,
        hint="Names, with spaces between; * stands for anything. Left empty, messages of the whole fleet.",
        autocomplete="off",
    )
    filter = line_field(
        "Filter of messages",
        length=1000,
        hint="As in the message viewer, such as type:event -type:status; may stay empty.",
        autocomplete="off",
        spellcheck="false",
    )
    begins_at = moment_field("From (UTC)")
    ends_at = moment_field("To (UTC)")
    audience = RadioField(
        "Who may open the link",
        choices=[SelectChoice(each.value, words) for each, words in WORDS_OF_AUDIENCE.items()],
        default=Audience.SIGNED_IN,
    )
    life = _life_field()
    text = text_field("First note", length=LONGEST_NOTE, hint="What is known so far; may stay empty.")
    reason = reason_field(hint="Kept in the audit trail.")

    @classmethod
    def about(cls, asked: Mapping[str, str]) -> IncidentForm:
        """Return the form for what a link of another page is about, for the last hour unless it says when."""
        whole = dt.datetime.now(dt.UTC).replace(microsecond=0, tzinfo=None)
        now = whole + dt.timedelta(seconds=1)  # with what the page that one comes from has just shown
        given: dict[str, Any] = {name: asked.get(name, "") for name in ("title", "containers", "filter")}
        begins = moment_given(asked.get("begins_at")) or now - dt.timedelta(hours=1)
        return cls(data=given | {"begins_at": begins, "ends_at": moment_given(asked.get("ends_at")) or now})

    def values(self) -> IncidentValues:
        """Return what was entered as the service takes it."""
        return IncidentValues(
            title=self.title.data,
            reason=self.reason.data,
            begins_at=self.begins_at.data.replace(tzinfo=dt.UTC),
            ends_at=self.ends_at.data.replace(tzinfo=dt.UTC),
            life=dt.timedelta(hours=int(self.life.data)),
            containers=tuple(re.split(r"[\s,]+", self.containers.data.strip(", ")))
            if self.containers.data
            else (),
            filter=self.filter.data or "",
            audience=self.audience.data,
        )


class NoteForm(FlaskForm):  # type: ignore[misc]
    """Something that was found out."""

    text = text_field("Note", length=LONGEST_NOTE, required=True, hint="Shown to whoever opens the link.")


class ProlongForm(FlaskForm):  # type: ignore[misc]
    """How long the link works from now on, and why."""

    life = _life_field()
    reason = reason_field("Reason to prolong it", "Kept in the audit trail.", id="prolong-reason")


class RevokeForm(FlaskForm):  # type: ignore[misc]
    """Why the link ends."""

    reason = reason_field("Reason to revoke it", "Kept in the audit trail.", id="revoke-reason")
