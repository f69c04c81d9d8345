"""Data model, Database Migrations 1: add the ACP base schema.

Keys between the tables and the rules for their values come with 0004.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE acp_connection (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    connection_id   text        NOT NULL,
    container_id    uuid        NOT NULL,
    status          text        NOT NULL,
    version         text        NOT NULL,
    capabilities    jsonb,
    last_active     timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    error_count     integer     NOT NULL DEFAULT 0,
    reconnect_count integer     NOT NULL DEFAULT 0,
    metadata        jsonb,
    CONSTRAINT pk_acp_connection PRIMARY KEY (id)
);

CREATE TABLE acp_message (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    connection_id   uuid        NOT NULL,
    direction       text        NOT NULL,
    message_type    text        NOT NULL,
    payload         jsonb,
    timestamp       timestamptz NOT NULL DEFAULT now(),
    size            integer     NOT NULL,
    processed       boolean     NOT NULL DEFAULT false,
    processing_time integer,
    error           boolean     NOT NULL DEFAULT false,
    error_message   text,
    CONSTRAINT pk_acp_message PRIMARY KEY (id)
);

ALTER TABLE container_session
    ADD COLUMN protocol_type     text    NOT NULL DEFAULT 'http',
    ADD COLUMN fallback_enabled  boolean NOT NULL DEFAULT true,
    ADD COLUMN acp_connection_id uuid,
    ADD COLUMN protocol_metadata jsonb;

ALTER TABLE container
    ADD COLUMN supported_protocols text[] NOT NULL DEFAULT ARRAY['http']::text[],
    ADD COLUMN preferred_protocol  text   NOT NULL DEFAULT 'http';
"""

DOWN = """
ALTER TABLE container
    DROP COLUMN preferred_protocol,
    DROP COLUMN supported_protocols;

ALTER TABLE container_session
    DROP COLUMN protocol_metadata,
    DROP COLUMN acp_connection_id,
    DROP COLUMN fallback_enabled,
    DROP COLUMN protocol_type;

DROP TABLE acp_message;
DROP TABLE acp_connection;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
