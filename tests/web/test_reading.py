"""A request that has only read leaves the statements prepared; one that has failed leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Blueprint
from sqlalchemy import func, select, text

from app.access import permission
from app.extensions import db
from app.models import AuditEvent, Container
from app.web import reading
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from flask import Flask

    from tests.web.conftest import SignIn, World


def test_statements_stay_prepared_between_requests(app: Flask, sign_in: SignIn) -> None:
    viewer = sign_in("viewer")

    def prepared() -> bool:
        viewer.get("/containers")
        with app.app_context():
            found = db.session.scalar(
                text(
                    "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%container_standing%'"
                )
            )
            db.session.commit()
            return bool(found)

    eventually(prepared)


def add(app: Flask, views: Blueprint) -> None:
    app._got_first_request = False  # the application has begun already
    app.register_blueprint(views)


def test_a_lists_request_has_no_transaction_and_cannot_write(
    app: Flask, sign_in: SignIn, world: World
) -> None:
    world.container("web-1")
    views = Blueprint("lists", __name__)

    @views.get("/both")
    @permission("read")
    @reading.alone
    def both() -> list[object]:
        moment = text("SELECT now()")
        return [str(db.session.scalar(moment)) for _ in range(2)]

    @views.get("/written")
    @permission("read")
    @reading.alone
    def written() -> str:
        db.session.scalars(select(Container)).one().owner = "nobody"
        with pytest.raises(RuntimeError, match="writes nothing"):
            db.session.flush()
        return "refused"

    add(app, views)
    viewer = sign_in("viewer")
    first, second = viewer.get("/both").json
    assert first != second  # now() is when the transaction began
    assert viewer.get("/written").text == "refused"
    assert world.session.scalar(select(func.count()).where(Container.owner == "nobody")) == 0
    assert viewer.get("/users/").status_code == 403  # a list, too; that it was tried, is written all the same
    denied = select(AuditEvent.after).where(AuditEvent.action == "denied")
    assert world.session.scalars(denied).one()["path"] == "/users/"


def test_a_view_that_reads_keeps_nothing_that_it_wrote_by_mistake(
    app: Flask, sign_in: SignIn, world: World
) -> None:
    world.container("web-1")
    views = Blueprint("mistakes", __name__)

    @views.get("/mistake")
    @permission("read")
    def mistake() -> str:
        container = db.session.scalars(select(Container)).one()
        container.owner = "nobody"
        db.session.flush()
        return "done"

    add(app, views)
    assert sign_in("viewer").get("/mistake").text == "done"
    assert world.session.scalar(select(func.count()).where(Container.owner == "nobody")) == 0
