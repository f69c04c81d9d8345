"""The database's answer in words: a violated constraint becomes an error that names its rule."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.errors import Conflict, Invalid
from app.models import Container

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

# What two writers can run into although each checked first; the rest is caught by the services' own checks.
CONFLICTS: Final[Mapping[str, str]] = {
    "uq_container_name": "a container of this name is registered already",
    "uq_acp_connection_one_active": "the container has an active connection already",
    "uq_connection_action_one_open": "the same is under way for this container already",
    "uq_connection_action_one_hold": "the container is held disconnected already",
    "uq_acp_connection_configuration_trial_one_open": "a trial for this container is under way already",
    "uq_protocol_preflight_one_open": "a preflight of this container is under way already",
    "uq_protocol_migration_one_open": "a protocol migration of this container is under way already",
    "uq_caller_token_name": "a token of this name exists already",
    "uq_saved_view_name": "you have a view of this name for this list already",
    "uq_console_user_email": "a user with this e-mail exists already",
    "container_protocol_in_use": "the container's session is on ACP; migrate it to HTTP first",
}


def one_at_a_time(session: Session, container: Container) -> None:
    """Hold a container's row until the transaction ends, so that what is asked of it is judged in turn."""
    row = select(Container.id).where(Container.id == container.id).with_for_update(key_share=True)
    session.execute(row)


@contextmanager
def enforced(session: Session) -> Iterator[None]:
    """Flush what was written inside and translate a violated rule.

    Raises:
        Conflict: something else was there first, or stands in the way.
        Invalid: a value breaks the rule whose name it carries.
    """
    try:
        with session.begin_nested():
            yield
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.IntegrityError):
            raise
        rule = error.orig.diag.constraint_name or "rule"
        if rule in CONFLICTS:
            raise Conflict(CONFLICTS[rule]) from error
        raise Invalid(rule, error.orig.diag.message_primary or str(error.orig)) from error
