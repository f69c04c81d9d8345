"""Pages of lists: what stands around the rows is rendered once, and kept for all who see the same.

A frame depends on what its view says of it, by value, on who looks and on what they may do, and on nothing
else. What changes with the data, and a form's token, is left open in it and put in at each request, so that
no page is older than its rows.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final, NamedTuple

from flask import current_app, render_template, session
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup, escape

from app.web.layout import seen_by_viewer

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from app.web.layout import Seen

MOST: Final = 500
"""Frames that are kept, of ten to twenty kilobytes each."""
LONGEST: Final = 100_000
"""Characters of a frame that is kept."""
_MARK: Final = secrets.token_hex(16)
"""Marks a place that is left open: nobody outside of this process can write it."""
_PLACES: Final = re.compile(f"{_MARK}:([a-z_]+);")


class _Key(NamedTuple):
    """All that a frame depends on."""

    template: str
    seen: Seen
    email: str
    roles: tuple[str, ...]
    said: tuple[tuple[str, Hashable], ...]


class _Frame(NamedTuple):
    """Texts, and the names of what stands between them."""

    texts: Sequence[str]
    names: Sequence[str]

    def filled(self, values: Mapping[str, str]) -> str:
        parts = [self.texts[0]]
        for name, text in zip(self.names, self.texts[1:], strict=True):
            parts += (escape(values[name]), text)
        return "".join(parts)


def framed(template: str, put_in: Mapping[str, str], **said: Hashable) -> str:
    """Render what `render_template` would from all of it; `put_in` is what the frame leaves open.

    A template can do nothing with what is put in but show it. What is said, has to be equal to what says the
    same.
    """
    if "_flashes" in session:  # told once, and to this person
        return render_template(template, **put_in, **said)
    frames: dict[_Key, _Frame] = current_app.extensions.setdefault("frames", {})
    roles = tuple(role.name for role in current_user.roles)
    key = _Key(template, seen_by_viewer(), current_user.email, roles, tuple(said.items()))
    token = generate_csrf()
    frame = frames.get(key)
    if frame is None or current_app.jinja_env.auto_reload:
        frame = _frame(template, put_in, said, token)
        if len(frames) >= MOST:
            frames.clear()
        if sum(map(len, frame.texts)) <= LONGEST:
            frames[key] = frame
    return frame.filled({**put_in, "csrf_token": token})


def _frame(template: str, put_in: Mapping[str, str], said: Mapping[str, Hashable], token: str) -> _Frame:
    places = {name: Markup(f"{_MARK}:{name};") for name in put_in}  # noqa: S704 - ours
    marked = Markup(f"{_MARK}:csrf_token;")  # noqa: S704 - ours
    html = render_template(template, **places, **said, csrf_token=lambda: marked)
    if token in html:
        raise RuntimeError(f"{template} has a form whose token would be kept")
    pieces = _PLACES.split(html)
    return _Frame(pieces[::2], pieces[1::2])
