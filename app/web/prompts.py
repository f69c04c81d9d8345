"""Send a prompt, as any caller of the gateway does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, current_app, flash, redirect, url_for

from app.access import actor, permission
from app.errors import CallerError
from app.extensions import db
from app.prompting import Prompt
from app.queries import containers
from app.services import signed_caller
from app.web.failures import tell
from app.web.forms.prompt import PromptForm

if TYPE_CHECKING:
    import uuid

    from flask.typing import ResponseReturnValue

bp = Blueprint("prompts", __name__)


@bp.post("/containers/<uuid:container_id>/prompts")
@permission("operate")
def create(container_id: uuid.UUID) -> ResponseReturnValue:
    """Open a session with the agent and hand it the prompt; its answer arrives in the timeline."""
    container = containers.get(db.session(), container_id)
    form = PromptForm()
    back = redirect(url_for("containers.show", container_id=container.id, _anchor="timeline"))
    if not form.validate_on_submit():
        flash(f"Prompt: {' '.join(form.text.errors or ('the form is incomplete.',))}", "danger")
        return back
    settings = current_app.extensions["settings"]
    token = signed_caller.sign(current_app.config["SECRET_KEY"], actor().name)
    db.session.remove()  # the connection is not held while the agent thinks
    try:
        prompt = Prompt(f"{settings.gateway_url}/acp/{container_id}", token, allows=form.allow_once.data)
        prompt.send(form.text.data)
    except CallerError as error:
        tell(error)
        return back
    flash("The prompt is sent. What the agent does stands in the timeline.", "success")
    return back
