"""People and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, SelectChoice
from wtforms.validators import DataRequired, Length

from app.services.users import SHORTEST_PASSWORD, RoleName
from app.web.forms.fields import CheckboxesField, line_field, reason_field

if TYPE_CHECKING:
    from app.models import User

ROLES: Final = [SelectChoice(each.value) for each in RoleName]
WHAT_ROLES_MAY: Final = (
    "A viewer reads; an operator also handles connections and configurations; a migrator also moves "
    "containers between protocols; an admin also registers containers and adds people."
)
LONGEST_PASSWORD: Final = 200


class UserForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """Somebody new."""

    email = line_field("E-mail", length=254, required=True, type="email", autocomplete="off")
    password = PasswordField(
        "Password",
        [DataRequired(), Length(SHORTEST_PASSWORD, LONGEST_PASSWORD)],
        description=f"{SHORTEST_PASSWORD} characters or more; they can be given another later.",
        render_kw={"autocomplete": "new-password"},
    )
    role = CheckboxesField("Roles", choices=ROLES, description=WHAT_ROLES_MAY, default=[RoleName.VIEWER])


class UserChangeForm(FlaskForm):  # type: ignore[misc]
    """What somebody may do from now on; a password only where it is to be another."""

    role = CheckboxesField("Roles", choices=ROLES, description=WHAT_ROLES_MAY)
    active = BooleanField("May sign in", description="Without it, what they have open is closed at once.")
    password = PasswordField(
        "New password",
        [Length(max=LONGEST_PASSWORD)],
        description="Leave it empty to keep theirs.",
        render_kw={"autocomplete": "new-password"},
    )
    reason = reason_field(hint="Kept in the audit trail.")

    @classmethod
    def of(cls, user: User) -> UserChangeForm:
        """Return the form filled with what is stored, or with what was sent."""
        return cls(data={"role": [role.name for role in user.roles], "active": user.active})
