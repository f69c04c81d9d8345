"""Adding a note to the plots, and removing one."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField

from app.protocol.plot_notes import LONGEST_LINK, LONGEST_TEXT, NoteKind
from app.services.plot_notes import NoteValues
from app.web.forms.fields import line_field, moment_field, moment_given, reason_field

if TYPE_CHECKING:
    from collections.abc import Mapping


class NoteForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """What was done, when, and where more of it is told. Its ids are not those of the filter beside it."""

    at = moment_field("Moment (UTC)", id="note-at")
    kind = SelectField(
        "Kind",
        choices=[SelectChoice(each.value) for each in NoteKind],
        default=NoteKind.DEPLOY.value,
        id="note-kind",
    )
    text = line_field(
        "Note",
        length=LONGEST_TEXT,
        required=True,
        hint="One line; secrets are redacted.",
        autocomplete="off",
        id="note-text",
    )
    link = line_field(
        "Link",
        length=LONGEST_LINK,
        hint="Begins with http:// or https://; may stay empty.",
        autocomplete="off",
        inputmode="url",
        id="note-link",
    )
    container = line_field(
        "Container",
        length=100,
        hint="A name; left empty, the whole fleet.",
        autocomplete="off",
        id="note-container",
    )

    @classmethod
    def about(cls, asked: Mapping[str, str]) -> NoteForm:
        """Return the form for the moment and the container of the plots that one comes from, or for now."""
        now = dt.datetime.now(dt.UTC).replace(microsecond=0, tzinfo=None)
        return cls(data={"at": moment_given(asked.get("at")) or now, "container": asked.get("container", "")})

    def values(self) -> NoteValues:
        """Return what was entered as the service takes it."""
        return NoteValues(
            at=self.at.data.replace(tzinfo=dt.UTC),
            text=self.text.data,
            kind=self.kind.data,
            link=self.link.data or "",
            container=self.container.data or "",
        )


class RemovalForm(FlaskForm):  # type: ignore[misc]
    """Why a note goes."""

    reason = reason_field(hint="Kept in the audit trail, with what the note said.")
