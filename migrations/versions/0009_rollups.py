"""Messages counted by minute, hour and day: `message_rollup`, `fleet_rollup`, `rollup_progress`."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE message_rollup (
    connection_id uuid        NOT NULL,
    step          smallint    NOT NULL,
    at            timestamptz NOT NULL,
    message_type  text        NOT NULL,
    direction     text        NOT NULL,
    method        text        NOT NULL,
    bin           smallint    NOT NULL,
    messages      bigint      NOT NULL,
    errors        bigint      NOT NULL,
    bytes         bigint      NOT NULL,
    CONSTRAINT pk_message_rollup
        PRIMARY KEY (connection_id, step, at, message_type, direction, method, bin),
    CONSTRAINT fk_message_rollup_connection_id FOREIGN KEY (connection_id)
        REFERENCES acp_connection (id) ON DELETE CASCADE,
    CONSTRAINT ck_message_rollup_step_valid CHECK (step IN (1, 60, 1440))
) WITH (fillfactor = 80);
CREATE INDEX ix_message_rollup_step_at ON message_rollup (step, at);

CREATE TABLE fleet_rollup (
    step         smallint    NOT NULL,
    at           timestamptz NOT NULL,
    message_type text        NOT NULL,
    direction    text        NOT NULL,
    method       text        NOT NULL,
    bin          smallint    NOT NULL,
    messages     bigint      NOT NULL,
    errors       bigint      NOT NULL,
    bytes        bigint      NOT NULL,
    transport    text        NOT NULL,
    CONSTRAINT pk_fleet_rollup
        PRIMARY KEY (step, at, message_type, direction, method, bin, transport),
    CONSTRAINT ck_fleet_rollup_step_valid CHECK (step IN (1, 60, 1440))
) WITH (fillfactor = 80);

-- Changed with every few seconds' messages: narrow, with room on its page.
CREATE TABLE rollup_progress (
    connection_id uuid   NOT NULL,
    rolled_seq    bigint NOT NULL DEFAULT 0,
    floor_id      uuid   NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'::uuid,
    methods       text[] NOT NULL DEFAULT '{}'::text[],
    CONSTRAINT pk_rollup_progress PRIMARY KEY (connection_id),
    CONSTRAINT fk_rollup_progress_connection_id FOREIGN KEY (connection_id)
        REFERENCES acp_connection (id) ON DELETE CASCADE
) WITH (fillfactor = 70);
"""

DOWN = """
DROP TABLE rollup_progress;
DROP TABLE fleet_rollup;
DROP TABLE message_rollup;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
