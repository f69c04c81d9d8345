"""Each rule of the data model, broken through the services: they refuse, name the rule and change nothing."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.errors import Conflict, Invalid
from app.protocol.handshake import Negotiated
from app.protocol.policy import EndpointPolicy
from app.protocol.states import ConnectionStatus, MigrationPhase, Protocol
from app.services import configurations, connections, containers, migration_phases, protocol_migrations
from app.services.configurations import ConfigurationValues
from app.services.containers import ContainerValues
from tests.support.store import BOTH, TESTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from app.models import Container

    Register = Callable[..., Container]

HTTP_ONLY = (Protocol.HTTP,)
VALID = ContainerValues(name="web-1", endpoint_url="http://127.0.0.1:9000", supported_protocols=BOTH)
DAY_MS = 86_400_000

CONTAINER = [
    ("name", ""),
    ("name", "two words"),
    ("name", "-web"),
    ("name", "a" * 101),
    ("endpoint_url", "ftp://127.0.0.1"),
    ("endpoint_url", "not an address"),
    ("supported_protocols", ()),
    ("supported_protocols", ("http", "ftp")),
    ("preferred_protocol", "ftp"),
    ("acp_path", "acp"),
    ("acp_path", "/a b"),
    ("credential", "the-secret-itself"),
    ("status", "lost"),
]

CONFIGURATION = [
    ("max_reconnect_attempts", -1),
    ("max_reconnect_attempts", 1001),
    ("reconnect_delay", 0),
    ("reconnect_delay", -1),
    ("reconnect_delay", 30_001),
    ("max_reconnect_delay", DAY_MS + 1),
    ("idle_timeout", 0),
    ("idle_timeout", DAY_MS + 1),
    ("keep_alive_interval", 0),
    ("keep_alive_interval", DAY_MS + 1),
    ("encryption_level", "some"),
    ("encryption_level", "standard"),  # of a container at http://
]


def negotiated(version: str) -> Negotiated:
    return Negotiated(version=version, capabilities={}, agent_info=None, auth_methods=[], result={})


@pytest.mark.parametrize(("field", "value"), CONTAINER)
def test_a_containers_values(session: Session, register: Register, field: str, value: object) -> None:
    values = replace(VALID, **{field: value})
    with pytest.raises(Invalid) as refused:
        containers.register(session, values, TESTER)
    assert refused.value.field == field
    container = register()
    before = getattr(container, field)
    with pytest.raises(Invalid) as refused:
        containers.update(session, container, values, TESTER)
    assert refused.value.field == field
    assert getattr(container, field) == before


def test_a_preferred_protocol_is_a_supported_one(session: Session) -> None:
    values = replace(VALID, supported_protocols=HTTP_ONLY, preferred_protocol="acp")
    with pytest.raises(Invalid) as refused:
        containers.register(session, values, TESTER)
    assert refused.value.field == "preferred_protocol"


def test_protocols_are_named_once(session: Session) -> None:
    with pytest.raises(Invalid) as refused:
        containers.register(session, replace(VALID, supported_protocols=("acp", "acp", "http")), TESTER)
    assert refused.value.field == "ck_container_supported_protocols_distinct"


def test_an_address_fits_the_encryption_level(session: Session, register: Register) -> None:
    container = register(endpoint_url="https://127.0.0.1")
    with pytest.raises(Invalid, match="the encryption level is standard") as refused:
        containers.update(session, container, VALID, TESTER)
    assert refused.value.field == "endpoint_url"
    container.configuration.encryption_level = "none"
    assert containers.update(session, container, VALID, TESTER).endpoint_url == VALID.endpoint_url


def test_an_address_that_stays_is_not_judged_again(session: Session, register: Register) -> None:
    container = register()
    nowhere = EndpointPolicy(networks=(), trusted=())
    renamed = replace(VALID, name="web-9")
    assert containers.update(session, container, renamed, TESTER, policy=nowhere).name == "web-9"
    moved = replace(VALID, endpoint_url="http://127.0.0.1:9001")
    with pytest.raises(Invalid, match="none of the allowed networks"):
        containers.update(session, container, moved, TESTER, policy=nowhere)
    with pytest.raises(Invalid, match="none of the allowed networks"):
        containers.register(session, moved, TESTER, nowhere)


def test_a_name_is_taken_once(session: Session, register: Register) -> None:
    register("web-1")
    with pytest.raises(Conflict, match="a container of this name is registered already"):
        containers.register(session, VALID, TESTER)
    other = register("web-2")
    with pytest.raises(Conflict, match="a container of this name is registered already"):
        containers.update(session, other, VALID, TESTER)
    assert other.name == "web-2"


def test_a_protocol_in_use_stays_supported(session: Session, register: Register) -> None:
    container = on_acp(session, register())
    with pytest.raises(Conflict, match="session is on ACP; migrate it to HTTP first"):
        containers.update(session, container, replace(VALID, supported_protocols=HTTP_ONLY), TESTER)
    assert container.supported_protocols == list(BOTH)


@pytest.mark.parametrize(("field", "value"), CONFIGURATION)
def test_a_configurations_values(session: Session, register: Register, field: str, value: object) -> None:
    configuration = register().configuration
    before = ConfigurationValues.of(configuration)
    with pytest.raises(Invalid) as refused:
        configurations.update(session, configuration, replace(before, **{field: value}), TESTER, "x")
    assert refused.value.field == field
    assert ConfigurationValues.of(configuration) == before


def test_a_connection_needs_its_container(session: Session) -> None:
    with pytest.raises(Invalid) as refused:
        connections.open_row(session, uuid.UUID(int=9), Protocol.ACP, "1.0.0")
    assert refused.value.field == "fk_acp_connection_container_id"


@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", ""])
def test_a_connections_version_is_semver(session: Session, register: Register, version: str) -> None:
    container = register()
    with pytest.raises(Invalid) as refused:
        connections.open_row(session, container.id, Protocol.ACP, version)
    assert refused.value.field == "version"
    connection = connections.open_row(session, container.id, Protocol.ACP, "1.0.0")
    with pytest.raises(Invalid) as refused:
        connections.established(session, connection, negotiated(version), None, "dialled")
    assert refused.value.field == "version"
    assert (connection.status, connection.version) == ("disconnected", "1.0.0")


def test_one_connection_is_active(session: Session, register: Register) -> None:
    container = on_acp(session, register())
    second = connections.open_row(session, container.id, Protocol.ACP, "1.0.0")
    with pytest.raises(Conflict, match="the container has an active connection already"):
        connections.move(session, second, ConnectionStatus.CONNECTED, "dialled")
    assert second.status == "disconnected"
    assert second.transitions == []


def test_a_session_on_acp(session: Session, register: Register) -> None:
    plain = register("plain", supported_protocols=HTTP_ONLY)
    connection = connections.open_row(session, plain.id, Protocol.ACP, "1.0.0")
    with pytest.raises(Invalid) as refused:
        migration_phases.switch(session, plain, Protocol.ACP, connection)
    assert refused.value.field == "protocol_type"
    both = register("both")
    with pytest.raises(Invalid) as refused:
        migration_phases.switch(session, both, Protocol.ACP, None)
    assert refused.value.field == "acp_connection_id"
    with pytest.raises(Invalid) as refused:
        migration_phases.switch(session, both, Protocol.ACP, connection)
    assert refused.value.field == "fk_container_session_acp_connection"
    with pytest.raises(Invalid) as refused:
        migration_phases.switch(session, both, "ftp", None)
    assert refused.value.field == "ck_container_session_protocol_type_valid"
    assert both.session.protocol_type == "http"


def test_a_protocol_migrations_request(session: Session, register: Register) -> None:
    container = register(supported_protocols=HTTP_ONLY)
    for to, reason, field in (
        ("ftp", "to see", "to_protocol"),
        ("acp", "to see", "to_protocol"),
        ("http", " ", "reason"),
    ):
        with pytest.raises(Invalid) as refused:
            protocol_migrations.request(session, container, to, reason=reason, actor=TESTER)
        assert refused.value.field == field
    with pytest.raises(Conflict, match="the container is on http already"):
        protocol_migrations.request(session, container, "http", reason="to see", actor=TESTER)


def test_one_protocol_migration_is_under_way(session: Session, register: Register) -> None:
    container = register()
    first = protocol_migrations.request(session, container, "acp", reason="to see", actor=TESTER)
    with pytest.raises(Conflict, match="a protocol migration of this container is under way already"):
        protocol_migrations.request(session, container, "acp", reason="me too", actor=TESTER)
    migration_phases.advance(session, first, MigrationPhase.FAILED, "unreachable")
    protocol_migrations.request(session, container, "acp", reason="once more", actor=TESTER)


def on_acp(session: Session, container: Container) -> Container:
    connection = connections.open_row(session, container.id, Protocol.ACP, "1.0.0")
    connections.established(session, connection, negotiated("1.0.0"), None, "dialled")
    migration_phases.switch(session, container, Protocol.ACP, connection)
    return container
