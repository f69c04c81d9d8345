"""Register, edit and remove containers (data model: Container, Modified)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app.errors import Conflict, EndpointRefused, Invalid
from app.models import AcpConnectionConfiguration, Container, ContainerLease, ContainerSession
from app.protocol.endpoints import parse_endpoint
from app.protocol.states import ContainerStatus, EncryptionLevel, Protocol
from app.services import audit, configuration_revisions, connection_actions, doorbell
from app.services.rules import enforced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from app.protocol.policy import EndpointPolicy
    from app.services.actor import Actor

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PATH = re.compile(r"/[A-Za-z0-9._~/%-]{0,200}")
_CREDENTIAL = re.compile(r"(env|file):[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerValues:
    """What people say of a container; `credential` is a reference such as `env:NAME`, never a secret."""

    name: str
    endpoint_url: str
    supported_protocols: tuple[str, ...] = (Protocol.HTTP,)
    preferred_protocol: str = Protocol.HTTP
    acp_path: str = "/acp"
    image: str = ""
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    credential: str | None = None
    status: str = ContainerStatus.RUNNING

    @classmethod
    def of(cls, container: Container) -> ContainerValues:
        """Return the values that are stored."""
        stored = _shown(container)
        return cls(**stored | {"supported_protocols": tuple(container.supported_protocols)})

    def columns(self) -> dict[str, Any]:
        """Return the values as the table's columns take them, checked.

        Raises:
            Invalid: naming the field and what is allowed there.
        """
        _check(self)
        row = {each.name: getattr(self, each.name) for each in fields(self)}
        return row | {"supported_protocols": list(self.supported_protocols), "labels": dict(self.labels)}


def _check(values: ContainerValues) -> None:
    """Apply the data model's rules, and what keeps an address and a name usable."""
    if not _NAME.fullmatch(values.name):
        raise Invalid(
            "name", "1 to 100 letters, digits, dots, dashes and underscores, the first a letter or digit"
        )
    parse_endpoint(values.endpoint_url)
    if not _PATH.fullmatch(values.acp_path):
        raise Invalid("acp_path", "a path that starts with a slash, such as /acp")
    if not values.supported_protocols:
        raise Invalid("supported_protocols", "choose at least one of http, acp")
    for protocol in values.supported_protocols:
        if protocol not in list(Protocol):
            raise Invalid("supported_protocols", f"{protocol!r} is not a protocol; choose from http, acp")
    if values.preferred_protocol not in values.supported_protocols:
        raise Invalid("preferred_protocol", "must be one of the supported protocols")
    if values.credential is not None and not _CREDENTIAL.fullmatch(values.credential):
        raise Invalid("credential", "a reference such as env:NAME or file:NAME, never the secret itself")
    if values.status not in list(ContainerStatus):
        raise Invalid("status", "must be running or stopped")


def register(
    session: Session, values: ContainerValues, actor: Actor, policy: EndpointPolicy | None = None
) -> Container:
    """Add a container with its session (on HTTP until the first dial) and its configuration.

    A plain `http://` address cannot be dialled with encryption, so its configuration starts at level none;
    whether that is allowed there is checked before every dial.

    `policy` refuses at once what no dial would be allowed. What only a name's addresses tell, dials find out.

    Raises:
        Invalid: a value breaks a rule.
        Conflict: the name is taken.
    """
    container = Container(**values.columns())
    _permit(values.endpoint_url, policy)
    plain = parse_endpoint(values.endpoint_url).scheme == "http"
    level = EncryptionLevel.NONE if plain else EncryptionLevel.STANDARD
    container.session = ContainerSession()
    container.configuration = AcpConnectionConfiguration(encryption_level=level)
    with enforced(session):
        session.add(container)
        session.flush()
    settings = configuration_revisions.settings_of(container.configuration)
    configuration_revisions.write(session, container.id, settings, None, actor=actor, reason="registered")
    audit.record(session, actor, "container registered", ("container", container.id), after=_shown(container))
    doorbell.ask(session, container.id)
    return container


def update(
    session: Session,
    container: Container,
    values: ContainerValues,
    actor: Actor,
    reason: str | None = None,
    *,
    policy: EndpointPolicy | None = None,
) -> Container:
    """Change what is said of a container; the gateway redials where that is needed.

    An address that stays is not judged again, so that the rest can be changed of what a newer policy refuses.

    One that is held disconnected is let go: who changes it wants to see what comes of it.

    Raises:
        Invalid: a value breaks a rule.
        Conflict: the name is taken, or ACP would be taken from a container whose session is on ACP.
    """
    before = _shown(container)
    if Protocol.ACP not in values.supported_protocols and container.session.protocol_type == Protocol.ACP:
        raise Conflict("the container's session is on ACP; migrate it to HTTP first")
    columns = values.columns()
    if values.endpoint_url != container.endpoint_url:
        _permit(values.endpoint_url, policy)
        _fit(values.endpoint_url, container.configuration.encryption_level)
    with enforced(session):
        for column, value in columns.items():
            setattr(container, column, value)
        session.flush()
    after, subject = _shown(container), ("container", container.id)
    if after != before:
        connection_actions.release(session, container)
    audit.record(session, actor, "container changed", subject, reason=reason, before=before, after=after)
    doorbell.ask(session, container.id)
    return container


def _permit(endpoint_url: str, policy: EndpointPolicy | None) -> None:
    """Refuse an address that the settings do not allow, as far as it can be known without resolving it."""
    try:
        if policy is not None:
            policy.check_endpoint(parse_endpoint(endpoint_url))
    except EndpointRefused as error:
        raise Invalid("endpoint_url", str(error)) from error


def _fit(endpoint_url: str, level: str) -> None:
    """Refuse a plain address for a container whose configuration asks for encryption."""
    if level != EncryptionLevel.NONE and parse_endpoint(endpoint_url).scheme == "http":
        raise Invalid(
            "endpoint_url", f"the encryption level is {level}: use https://, or set the level none first"
        )


def remove(session: Session, container: Container, actor: Actor, reason: str) -> None:
    """Remove a container with everything recorded of it; the audit trail keeps what it was."""
    audit.record(
        session,
        actor,
        "container removed",
        ("container", container.id),
        reason=reason,
        before=_shown(container),
    )
    doorbell.ask(session, container.id)
    _wait_for_the_gateway(session, container)
    session.delete(container)
    session.flush()


def _wait_for_the_gateway(session: Session, container: Container) -> None:
    """Lock the lease before what hangs on the container, as the gateway does, so that neither blocks both."""
    lease = select(ContainerLease.epoch).where(ContainerLease.container_id == container.id)
    session.execute(lease.with_for_update())


def _shown(container: Container) -> dict[str, Any]:
    """Return what the audit trail keeps of a container."""
    return {each.name: getattr(container, each.name) for each in fields(ContainerValues)}
