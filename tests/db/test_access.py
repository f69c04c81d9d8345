"""People with roles, and callers with tokens: what is stored of them and who is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask_security import verify_password
from sqlalchemy import select, text

from app.errors import Conflict, Invalid, NotFound
from app.models import CallerToken, Role, User
from app.queries import users as people
from app.services import tokens, users
from app.services.users import RoleName
from tests.support.store import TESTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask
    from sqlalchemy.orm import Session

PASSWORD = "correct horse battery"
PERMISSIONS = {
    "viewer": {"read"},
    "operator": {"read", "operate", "configure"},
    "migrator": {"read", "operate", "configure", "migrate"},
    "admin": {"read", "operate", "configure", "migrate", "manage"},
}


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


def test_a_token_is_stored_as_a_hash_only(session: Session) -> None:
    token = tokens.create(session, "backend", TESTER)
    session.flush()
    stored = session.scalar(text("SELECT row_to_json(t)::text FROM caller_token t"))
    trail = session.scalar(text("SELECT string_agg(row_to_json(e)::text, '') FROM audit_event e"))
    assert tokens.hashed(token) in stored
    assert token.removeprefix("acp_") not in stored + trail
    assert tokens.holder(session, token) == "backend"


def test_tokens_differ_and_strangers_have_none(session: Session) -> None:
    made = {tokens.create(session, f"caller {n}", TESTER) for n in range(20)}
    assert len(made) == 20
    for token in ("", "acp_", "acp_guess", tokens.hashed(made.pop())):
        assert tokens.holder(session, token) is None


def test_a_revoked_token_opens_nothing(session: Session) -> None:
    token, other = (tokens.create(session, name, TESTER) for name in ("backend", "other"))
    tokens.revoke(session, "backend", TESTER)
    assert tokens.holder(session, token) is None
    assert tokens.holder(session, other) == "other"
    with pytest.raises(NotFound):
        tokens.revoke(session, "backend", TESTER)
    again = tokens.create(session, "backend", TESTER)
    assert again != token


@pytest.mark.parametrize("name", ["", " x", "-x", "a" * 101, "a\nb", "<b>"])
def test_a_tokens_name(session: Session, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        tokens.create(session, name, TESTER)
    assert refused.value.field == "name"
    assert session.scalars(select(CallerToken)).all() == []


def test_a_tokens_name_is_taken_once(session: Session) -> None:
    token = tokens.create(session, "backend", TESTER)
    with pytest.raises(Conflict, match="a token of this name exists already"):
        tokens.create(session, "backend", TESTER)
    assert tokens.holder(session, token) == "backend"


def test_the_four_roles(session: Session) -> None:
    assert {role.name: set(role.permissions) for role in session.scalars(select(Role))} == PERMISSIONS
    assert list(PERMISSIONS) == list(RoleName)


@pytest.mark.usefixtures("context")
def test_a_person_has_what_their_roles_grant(session: Session) -> None:
    made = {role: users.add(session, f"{role}@example.test", PASSWORD, [role], TESTER) for role in RoleName}
    keys = {user.fs_uniquifier: role for role, user in made.items()}
    found = people.permissions(session, [*keys, "a stranger"])
    assert {keys[key]: set(granted) for key, granted in found.items()} == PERMISSIONS
    made[RoleName.ADMIN].active = False
    session.flush()
    assert made[RoleName.ADMIN].fs_uniquifier not in people.permissions(session, keys)


@pytest.mark.usefixtures("context")
def test_a_password_is_stored_as_an_argon2_hash(session: Session) -> None:
    user = users.add(session, "ann@example.test", PASSWORD, ["viewer"], TESTER)
    assert user.password is not None
    assert "$argon2id$" in user.password
    assert PASSWORD not in user.password
    assert verify_password(PASSWORD, user.password)
    assert not verify_password(PASSWORD + "?", user.password)


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize(
    ("email", "password", "roles", "field"),
    [
        ("ann", PASSWORD, ["viewer"], "email"),
        ("ann@", PASSWORD, ["viewer"], "email"),
        ("a b@example.test", PASSWORD, ["viewer"], "email"),
        ("ann@example.test", "x" * 11, ["viewer"], "password"),
        ("ann@example.test", "", ["viewer"], "password"),
        ("ann@example.test", PASSWORD, ["king"], "role"),
        ("ann@example.test", PASSWORD, ["viewer", "king"], "role"),
        ("ann@example.test", PASSWORD, [], "role"),
    ],
)
def test_who_cannot_be_added(
    session: Session, email: str, password: str, roles: list[str], field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        users.add(session, email, password, roles, TESTER)
    assert refused.value.field == field
    assert session.scalars(select(User)).all() == []


@pytest.mark.usefixtures("context")
@pytest.mark.parametrize("email", ["ann@example.test", "ann@EXAMPLE.test", "Ann@example.test"])
def test_an_address_is_taken_once(session: Session, email: str) -> None:
    users.add(session, "ann@example.test", PASSWORD, ["viewer"], TESTER)
    with pytest.raises(Conflict, match="a user with this e-mail exists already"):
        users.add(session, email, PASSWORD, ["admin"], TESTER)
