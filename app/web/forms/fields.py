"""Fields and checks that several forms share."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from wtforms import DateTimeLocalField, SelectMultipleField, StringField, TextAreaField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wtforms import Field, SelectChoice

REASON_LENGTH: Final = 500
"""Characters: a reason is a sentence or two in a history."""

DIGITS: Final = 10
"""A hidden number has fewer."""

_MOMENTS: Final = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def no_control_characters(_form: Any, field: Field) -> None:
    """Refuse what PostgreSQL cannot store (NUL) and nobody types."""
    if field.data and _CONTROL.search(field.data):
        raise ValidationError("must not have control characters")


def stripped(value: str | None) -> str:
    return (value or "").strip()


def whole(sent: object) -> int | None:
    """Read a number that a form carries hidden; None where there is none, or something else."""
    text = str(sent or "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < DIGITS else None


def known(word: str | None, choices: Sequence[SelectChoice]) -> str:
    """Return a word of a URL if it is one of a field's choices; another narrows nothing."""
    return word if word and word in {choice.value for choice in choices} else ""


def uuid_of(text: str | None) -> uuid.UUID | None:
    """Read an id of a URL; what is none narrows nothing."""
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


def moment_field(label: str, **given: Any) -> DateTimeLocalField:
    """Take a time in UTC, to the second; its data has no zone."""
    return DateTimeLocalField(label, [InputRequired()], format=_MOMENTS, render_kw={"step": 1}, **given)


def moment_given(text: str | None) -> dt.datetime | None:
    """Read a time of a URL as such a field has it; None for what is none."""
    try:
        moment = dt.datetime.fromisoformat(text or "")
        in_utc = moment.astimezone(dt.UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None
    return in_utc.replace(microsecond=0, tzinfo=None)


class CheckboxesField(SelectMultipleField):  # type: ignore[misc]  # WTForms ships no types
    """Several of a few choices, as checkboxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


def line_field(
    label: str, *, length: int, required: bool = False, hint: str = "", **attributes: Any
) -> StringField:
    """A line of text."""
    checks = [Length(max=length), no_control_characters]
    if required:
        checks.insert(0, DataRequired())
    identifier = attributes.pop("id", None)  # where a page has several of one name
    return StringField(
        label, checks, id=identifier, filters=[stripped], description=hint, render_kw=attributes or None
    )


def reason_field(
    label: str = "Reason", hint: str = "Shown in the history.", *, required: bool = True, **attributes: Any
) -> StringField:
    """Why something is done (DESIGN, promise 6)."""
    given: dict[str, Any] = {"autocomplete": "off"} | attributes
    return line_field(label, length=REASON_LENGTH, required=required, hint=hint, **given)


def text_field(
    label: str, *, length: int, hint: str = "", rows: int = 3, required: bool = False
) -> TextAreaField:
    """Several lines of text."""
    checks = [Length(max=length), no_control_characters]
    if required:
        checks.insert(0, DataRequired())
    return TextAreaField(label, checks, description=hint, render_kw={"rows": rows})
