"""Showing a service's error at the field it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import flash

from app.errors import Invalid

if TYPE_CHECKING:
    from flask_wtf import FlaskForm

    from app.errors import ConsoleError


def tell_problems(form: FlaskForm) -> None:
    """Show what is wrong with a form above the next page, for a form that stands on another's."""
    for name, problems in form.errors.items():
        flash(f"{name}: {' '.join(problems)}", "danger")


def report(error: ConsoleError, form: FlaskForm) -> None:
    """Put an error below the field that it names, or above the form."""
    if isinstance(error, Invalid) and error.field in form:
        field = form[error.field]
        field.errors = [*field.errors, error.problem]
        return
    form.form_errors.append(str(error))
    flash(f"{error}. {error.advice}", "danger")
