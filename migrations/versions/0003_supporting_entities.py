"""Data model, Database Migrations 2: add the supporting entities.

Keys between the tables and the rules for their values come with 0004.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE protocol_migration (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    container_id  uuid        NOT NULL,
    from_protocol text        NOT NULL,
    to_protocol   text        NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT now(),
    completed_at  timestamptz,
    success       boolean,
    error_message text,
    attempt_count integer     NOT NULL DEFAULT 1,
    rollback      boolean     NOT NULL DEFAULT false,
    CONSTRAINT pk_protocol_migration PRIMARY KEY (id)
);

CREATE TABLE acp_connection_configuration (
    id                     uuid        NOT NULL DEFAULT gen_random_uuid(),
    container_id           uuid        NOT NULL,
    max_reconnect_attempts integer     NOT NULL DEFAULT 5,
    reconnect_delay        integer     NOT NULL DEFAULT 1000,
    max_reconnect_delay    integer     NOT NULL DEFAULT 30000,
    idle_timeout           integer     NOT NULL DEFAULT 60000,
    keep_alive_interval    integer     NOT NULL DEFAULT 30000,
    compression_enabled    boolean     NOT NULL DEFAULT true,
    encryption_level       text        NOT NULL DEFAULT 'standard',
    enable_bulk_operations boolean     NOT NULL DEFAULT true,
    enable_status_events   boolean     NOT NULL DEFAULT true,
    enable_metrics         boolean     NOT NULL DEFAULT true,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_acp_connection_configuration PRIMARY KEY (id)
);
"""

DOWN = """
DROP TABLE acp_connection_configuration;
DROP TABLE protocol_migration;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
