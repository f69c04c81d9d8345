"""People with roles, and callers with tokens: what is stored of them and who is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask_security import verify_password
from sqlalchemy import select, text

from app.errors import Conflict, Invalid, NotFound
from app.models import AuditEvent, CallerToken, Role, User
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


@pytest.fixture
def admin(session: Session, context: Flask) -> User:  # noqa: ARG001 - hashing needs it
    return users.add(session, "admin@example.test", PASSWORD, ["admin"], TESTER)


def test_roles_are_changed_with_a_reason_and_an_event(session: Session, admin: User) -> None:
    ann = users.add(session, "ann@example.test", PASSWORD, ["viewer"], TESTER)
    users.change(session, ann, ["operator", "migrator"], active=True, actor=TESTER, reason=" on call ")
    assert {role.name for role in ann.roles} == {"operator", "migrator"}
    event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert (event.action, event.reason) == ("user changed", "on call")
    assert event.changes == [("roles", ["viewer"], ["migrator", "operator"])]
    users.change(session, admin, ["admin", "viewer"], active=True, actor=TESTER, reason="both")


def test_one_who_may_not_sign_in_any_more_is_signed_out(session: Session, admin: User) -> None:
    ann = users.add(session, "ann@example.test", PASSWORD, ["admin"], TESTER)
    before = ann.fs_uniquifier
    users.change(session, ann, ["admin"], active=False, actor=TESTER, reason="left")
    assert not ann.active
    assert ann.fs_uniquifier != before
    before = admin.fs_uniquifier
    users.set_password(session, admin, "another-good-one", TESTER)
    assert verify_password("another-good-one", admin.password)
    assert admin.fs_uniquifier != before


@pytest.mark.parametrize(("roles", "active"), [(["viewer"], True), (["admin"], False)])
def test_somebody_must_be_left_who_manages(
    session: Session, admin: User, roles: list[str], *, active: bool
) -> None:
    with pytest.raises(Conflict, match="somebody must be left"):
        users.change(session, admin, roles, active=active, actor=TESTER, reason="by mistake")


def test_a_change_of_a_person_needs_a_role_and_a_reason(session: Session, admin: User) -> None:
    for roles, reason, field in ([], "why", "role"), (["king"], "why", "role"), (["admin"], " ", "reason"):
        with pytest.raises(Invalid) as refused:
            users.change(session, admin, roles, active=True, actor=TESTER, reason=reason)
        assert refused.value.field == field
    with pytest.raises(Invalid):
        users.set_password(session, admin, "short", TESTER)
