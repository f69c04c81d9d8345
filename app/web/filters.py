"""How values look: markers of redaction, times, and a line that says what a record is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask import current_app, g
from flask_login import current_user
from markupsafe import Markup, escape

from app.live.fragments import fragment
from app.live.lines import lines
from app.protocol.conversation import read
from app.protocol.end_kinds import SIDES
from app.protocol.endings import CLOSE_CODES
from app.protocol.states import ActionKind, ConnectionStatus, Direction, MessageType, Protocol
from app.protocol.strategies import zone_of
from app.web import explained
from app.web.moments import now, written
from app.web.payload_tree import tree
from app.web.quantities import duration

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from flask import Flask

    from app.models import AcpMessage
    from app.protocol.conversation import Step, Turn
    from app.protocol.endings import CloseCode

_MARKER: Final = re.compile(r"«[^«»]{1,200}»")
PREVIEW: Final = 160  # characters; more than a row shows on a wide screen


def register(app: Flask) -> None:
    app.add_template_filter(marked)
    app.add_template_filter(utc)
    app.add_template_filter(stamp)
    app.add_template_filter(in_zone)
    app.add_template_filter(preview)
    app.add_template_filter(tree)
    app.add_template_filter(conversation)
    app.add_template_filter(lasted)
    app.add_template_filter(begins)
    app.add_template_filter(between)
    app.add_template_filter(spanned)
    app.add_template_filter(written)
    app.add_template_filter(share)
    app.add_template_filter(close_code)
    app.add_template_filter(explained.failure, "explained")
    app.add_template_filter(explained.record, "explained_record")
    app.add_template_filter(explained.end, "explained_end")
    app.add_template_filter(short)
    app.add_template_global(fragment)
    app.add_template_global(lines)
    app.add_template_global(may)
    app.add_template_global(state_mark)
    app.add_template_global(now)
    app.jinja_env.globals.update(
        directions=Direction,
        sides=SIDES,
        message_types=MessageType,
        protocols=Protocol,
        statuses=ConnectionStatus,
        action_kinds=ActionKind,
    )


def state_mark(word: str) -> Markup:
    """Give a state's partial, rendered once: a list has fifty of them, and they depend on nothing."""
    marks: dict[str, Markup] = current_app.extensions.setdefault("state_marks", {})
    if word not in marks:
        partial = current_app.jinja_env.get_template(f"states/_{word}.html")
        marks[word] = Markup(partial.render().strip())  # noqa: S704 - ours
    return marks[word]


def may(permission: str) -> bool:
    """Tell whether the signed-in person has a permission; for what a page shows, never for what it allows."""
    return permission in granted()


def granted() -> frozenset[str]:
    """Return the signed-in person's permissions; looked up once a request, for a page asks a dozen times."""
    known: frozenset[str] | None = g.get("granted")
    if known is None:
        roles = current_user.roles if current_user.is_authenticated else ()
        known = g.granted = frozenset(each for role in roles for each in role.get_permissions())
    return known


def marked(text: str) -> Markup:
    """Escape a text and highlight what redaction has left in it, such as «token, 40 characters»."""
    return Markup(_MARKER.sub(r'<mark class="redacted">\g<0></mark>', str(escape(text))))  # noqa: S704 - escaped


def short(person: str) -> str:
    """Name a person without the rest of the address: an incident's link may be opened by anyone."""
    return person.partition("@")[0]


def utc(moment: dt.datetime) -> str:
    """Write a time in UTC to the millisecond, as it stands where no script shows it in the viewer's zone."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d} UTC"


def stamp(moment: dt.datetime | None) -> Markup:
    """Write what the macro `moment` writes, for lists: there are fifty of them, and a macro is slow."""
    if moment is None:
        return Markup('<span class="quiet">never</span>')
    text = utc(moment)
    return Markup(f'<time datetime="{moment.isoformat()}" title="{text}">{text}</time>')  # noqa: S704 - digits


def in_zone(moment: dt.datetime, zone: str) -> str:
    """Write a time as the clocks of a zone show it, with the zone's name."""
    return f"{moment.astimezone(zone_of(zone)):%Y-%m-%d %H:%M} in {zone.replace('_', ' ')}"


def preview(payload: Any) -> str:
    """Say in a line what a record is about: an update's text, a title, a stop reason, or its members."""
    return " ".join(_gist(payload).split())[:PREVIEW]


class Share(NamedTuple):
    """Where a step lies in its turn, in percent."""

    start: float
    width: float


def conversation(found: Sequence[AcpMessage]) -> Sequence[Turn]:
    """Read records, the newest first, as the turns of a session."""
    return read(reversed(found))


def lasted(span: Step | Turn) -> str:
    """Say how long a step or turn took, in a unit that fits."""
    return duration(((span.ended or span.started) - span.started).total_seconds())


def begins(step: Step, turn: Turn) -> str:
    """Say how long after its turn a step began."""
    return duration((step.started - turn.started).total_seconds())


def between(moments: tuple[dt.datetime, dt.datetime]) -> str:
    """Say how long it was from one time to another."""
    return duration((moments[1] - moments[0]).total_seconds())


def spanned(turn: Turn) -> str:
    """Say how long a turn's bars reach: to its end, or to the last sign of life."""
    return duration((turn.last - turn.started).total_seconds())


def share(step: Step, turn: Turn) -> Share:
    """Place a step in its turn; one that goes on reaches to the turn's last sign of life."""
    whole = max((turn.last - turn.started).total_seconds(), 0.001)
    start = min((step.started - turn.started).total_seconds() / whole, 1) * 100
    end = min(((step.ended or turn.last) - turn.started).total_seconds() / whole, 1) * 100
    return Share(min(start, 99), max(end - start, 1))


def _gist(payload: Any) -> str:
    if not isinstance(payload, dict):
        return "" if payload is None else str(payload)[: PREVIEW * 2]
    for member in ("error", "result", "params", "update"):
        inner = payload.get(member)
        if isinstance(inner, dict):
            return _gist(inner)
    kind = payload.get("sessionUpdate")
    words = [kind, _text(payload)] if isinstance(kind, str) else [_text(payload)]
    return " · ".join(word for word in words if word) or _members(payload)


def _text(payload: dict[str, Any]) -> str:
    """Find the words for people in a payload: content, prompt, a message, a title, a reason."""
    content = payload.get("content") or payload.get("prompt")
    for block in content if isinstance(content, list) else [content]:
        if isinstance(block, dict) and isinstance(block.get("text"), str):
            return str(block["text"])[: PREVIEW * 2]
    for member in ("message", "title", "stopReason", "reason", "status"):
        if isinstance(payload.get(member), str):
            return str(payload[member])[: PREVIEW * 2]
    return ""


def _members(payload: dict[str, Any]) -> str:
    return ", ".join(
        f"{name}: {value}" if isinstance(value, str | int | float) else name
        for name, value in list(payload.items())[:8]
        if not name.startswith("_")
    )


def close_code(message: AcpMessage) -> CloseCode | None:
    """Give what the close code of a `disconnect` record means; None where there is none that we know."""
    payload = message.payload if message.message_type == MessageType.DISCONNECT else None
    code = payload.get("code") if isinstance(payload, dict) else None
    return CLOSE_CODES.get(code) if isinstance(code, int) else None
