"""What operators ask of connections: reconnect, disconnect and probe, as intents for the gateway.

And an index for the requests of agents that wait for a caller's answer.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE connection_action (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    container_id uuid        NOT NULL,
    kind         text        NOT NULL,
    reason       text        NOT NULL,
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    gateway_id   uuid,
    epoch        bigint,
    taken_at     timestamptz,
    finished_at  timestamptz,
    success      boolean,
    outcome      text,
    measured     jsonb,
    released_at  timestamptz,
    CONSTRAINT pk_connection_action PRIMARY KEY (id),
    CONSTRAINT fk_connection_action_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE,
    CONSTRAINT ck_connection_action_kind_valid CHECK (kind IN ('reconnect', 'disconnect', 'probe')),
    CONSTRAINT ck_connection_action_success_set_when_finished CHECK (
        (finished_at IS NULL) = (success IS NULL)),
    CONSTRAINT ck_connection_action_only_a_disconnect_is_released CHECK (
        released_at IS NULL OR kind = 'disconnect')
);
CREATE INDEX ix_connection_action_container_id ON connection_action (container_id, id);
CREATE UNIQUE INDEX uq_connection_action_one_open ON connection_action (container_id, kind)
    WHERE finished_at IS NULL;
CREATE UNIQUE INDEX uq_connection_action_one_hold ON connection_action (container_id)
    WHERE kind = 'disconnect' AND released_at IS NULL;
CREATE INDEX ix_acp_message_agent_request ON acp_message (connection_id, id)
    WHERE direction = 'inbound' AND rpc_kind = 'request';
"""

DOWN = """
DROP INDEX ix_acp_message_agent_request;
DROP TABLE connection_action;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
