"""A container, and its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from app.models import AcpConnection, Container
    from tests.web.conftest import World


@pytest.fixture
def container(world: World) -> Container:
    return world.container()


@pytest.fixture
def connection(world: World, container: Container) -> AcpConnection:
    return world.connected(container)
