"""A request that has only read leaves the statements prepared; one that has failed leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint
from sqlalchemy import func, select, text

from app.access import permission
from app.extensions import db
from app.models import Container
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

    app._got_first_request = False  # the application has begun already
    app.register_blueprint(views)
    assert sign_in("viewer").get("/mistake").text == "done"
    assert world.session.scalar(select(func.count()).where(Container.owner == "nobody")) == 0
