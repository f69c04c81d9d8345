"""What people say of a container, and how they look for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, ValidationError

from app.protocol.states import ConnectionStatus, ContainerStatus, Protocol
from app.queries.container_filter import NEVER, ContainerFilter, Only
from app.services.containers import ContainerValues
from app.web.forms.fields import CheckboxesField, known, line_field, reason_field, text_field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from werkzeug.datastructures import MultiDict
    from wtforms import StringField

    from app.models import Container

PROTOCOLS = [SelectChoice(each.value, each.value.upper()) for each in Protocol]
STATUSES = [*(SelectChoice(each.value) for each in ConnectionStatus), SelectChoice(NEVER, "never connected")]

LONGEST: Final = 200
"""Characters of a condition."""

ONLY = [
    SelectChoice(Only.ERRORS.value, "with errors"),
    SelectChoice(Only.WAITING.value, "waiting for a caller"),
    SelectChoice(Only.HELD.value, "held disconnected"),
    SelectChoice(Only.STOPPED.value, "stopped"),
    SelectChoice(Only.ENDED.value, "ended in the last hour"),
]


class ContainerForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A container's name, address and protocols."""

    name = line_field("Name", length=100, required=True, hint="Letters, digits, dots, dashes, underscores.")
    endpoint_url = line_field(
        "Endpoint", length=2048, required=True, hint="Such as https://agents.example:8443/web-7", type="url"
    )
    supported_protocols = CheckboxesField("Supported protocols", choices=PROTOCOLS, default=["http"])
    preferred_protocol = SelectField("Preferred protocol", choices=PROTOCOLS, default="http")
    acp_path = line_field(
        "ACP path", length=200, hint="Where ACP is served under the endpoint.", placeholder="/acp"
    )
    image = line_field("Image", length=500)
    owner = line_field("Owner", length=200)
    labels = text_field("Labels", length=4000, hint="One a line: name=value")
    credential = line_field(
        "Credential",
        length=110,
        hint="A reference, env:NAME or file:NAME. Never the secret itself.",
        autocomplete="off",
    )
    status = SelectField(
        "Status",
        choices=[SelectChoice(each.value) for each in ContainerStatus],
        description="The gateway dials only those that run.",
    )

    @classmethod
    def of(cls, container: Container) -> ContainerForm:
        """Return the form filled with what is stored, or with what was sent."""
        labels = "\n".join(f"{name}={value}" for name, value in container.labels.items())
        stored = {name: getattr(container, name) for name in cls.plain_fields()}
        return cls(data={**stored, "labels": labels})

    @staticmethod
    def plain_fields() -> tuple[str, ...]:
        return (
            "name",
            "endpoint_url",
            "supported_protocols",
            "preferred_protocol",
            "acp_path",
            "image",
            "owner",
            "credential",
            "status",
        )

    def validate_labels(self, field: StringField) -> None:
        for each in _lines(field.data):
            if not each.partition("=")[0].strip() or "=" not in each:
                raise ValidationError(f"{each!r} is not name=value")

    def values(self) -> ContainerValues:
        """Return what was entered as the service takes it."""
        entered: dict[str, Any] = {name: self[name].data for name in self.plain_fields()}
        entered["supported_protocols"] = tuple(self.supported_protocols.data or ())
        entered["acp_path"] = self.acp_path.data or "/acp"
        entered["credential"] = self.credential.data or None
        return ContainerValues(**entered, labels=_labels(self.labels.data))


class RemovalForm(FlaskForm):  # type: ignore[misc]
    """Removing is confirmed by typing the container's name."""

    name = line_field("Name", length=100, required=True, autocomplete="off")
    reason = reason_field(hint="Kept in the audit trail.")

    def __init__(self, name_of_container: str) -> None:
        super().__init__()
        self._expected = name_of_container

    def validate_name(self, field: StringField) -> None:
        if field.data != self._expected:
            raise ValidationError(f"type {self._expected} to confirm")


class ContainerConditions:
    """What the list is narrowed to; all of it stands in the URL.

    No form of WTForms: no page is opened more often, and seven fields cost as much as its rows.
    """

    names = ("q", "status", "protocol", "owner", "label", "gateway")

    def __init__(self, given: MultiDict[str, str]) -> None:
        text = {name: given.get(name, "").strip()[:LONGEST] for name in self.names}
        self.q, self.owner, self.label, self.gateway = (
            text[name] for name in ("q", "owner", "label", "gateway")
        )
        self.status = known(text["status"], STATUSES)
        self.protocol = known(text["protocol"], PROTOCOLS)
        asked = set(given.getlist("only"))
        self.only = frozenset(each for each in Only if each.value in asked)

    def values(self) -> ContainerFilter:
        """Return the filter that the query takes; words it does not know narrow nothing."""
        return ContainerFilter(
            text=self.q,
            protocol=self.protocol,
            status=self.status,
            owner=self.owner,
            label=self.label,
            gateway=self.gateway,
            only=self.only,
        )

    def in_url(self) -> Sequence[tuple[str, str]]:
        """Return the filter as parameters of a URL."""
        given = [(name, getattr(self, name)) for name in self.names]
        return [*(each for each in given if each[1]), *(("only", each.value) for each in sorted(self.only))]


def _lines(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _labels(text: str | None) -> dict[str, str]:
    pairs = (each.partition("=") for each in _lines(text))
    return {name.strip(): value.strip() for name, _, value in pairs}
