"""The entities, one a file, with the data model's names in snake_case."""

from __future__ import annotations

from app.models.access import CallerToken, LastLook, Role, User
from app.models.acp_connection import AcpConnection, AcpConnectionSequence, AcpConnectionTransition
from app.models.acp_connection_configuration import AcpConnectionConfiguration
from app.models.acp_message import AcpMessage
from app.models.acp_open_request import AcpOpenRequest
from app.models.acp_session import AcpSession
from app.models.audit_event import AuditEvent
from app.models.base import Base, new_id
from app.models.configuration_revision import ConfigurationRevision
from app.models.configuration_trial import ConfigurationTrial
from app.models.connection_action import ConnectionAction
from app.models.container import Container
from app.models.container_session import ContainerSession
from app.models.container_standing import ContainerStanding
from app.models.fleet_action import FleetAction
from app.models.gateway import ContainerLease, Gateway, GatewayEnded
from app.models.incident import Incident, IncidentNote
from app.models.message_search import MessageSearchBlock, MessageSearchCursor, MessageSearchSlice
from app.models.plot_note import PlotNote
from app.models.preflight import ContainerPresence, Preflight
from app.models.protocol_migration import ProtocolMigration, ProtocolMigrationStep
from app.models.rollout import Rollout, RolloutContainer, RolloutEvent, RolloutWave
from app.models.rollup import FleetRollup, MessageRollup, RollupProgress
from app.models.saved_view import SavedView
from app.models.webhook_delivery import WebhookDelivery

__all__ = [
    "AcpConnection",
    "AcpConnectionConfiguration",
    "AcpConnectionSequence",
    "AcpConnectionTransition",
    "AcpMessage",
    "AcpOpenRequest",
    "AcpSession",
    "AuditEvent",
    "Base",
    "CallerToken",
    "ConfigurationRevision",
    "ConfigurationTrial",
    "ConnectionAction",
    "Container",
    "ContainerLease",
    "ContainerPresence",
    "ContainerSession",
    "ContainerStanding",
    "FleetAction",
    "FleetRollup",
    "Gateway",
    "GatewayEnded",
    "Incident",
    "IncidentNote",
    "LastLook",
    "MessageRollup",
    "MessageSearchBlock",
    "MessageSearchCursor",
    "MessageSearchSlice",
    "PlotNote",
    "Preflight",
    "ProtocolMigration",
    "ProtocolMigrationStep",
    "Role",
    "Rollout",
    "RolloutContainer",
    "RolloutEvent",
    "RolloutWave",
    "RollupProgress",
    "SavedView",
    "User",
    "WebhookDelivery",
    "new_id",
]
