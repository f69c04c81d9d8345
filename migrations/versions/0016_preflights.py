"""Preflights of protocol migrations, and who is with a container now.

A gateway of the version before writes no `container_presence`: who is there is then not known, and said so.
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE protocol_preflight (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    container_id uuid        NOT NULL,
    to_protocol  text        NOT NULL,
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    gateway_id   uuid,
    taken_at     timestamptz,
    completed_at timestamptz,
    verdict      text,
    checks       jsonb       NOT NULL DEFAULT '[]'::jsonb,
    blast        jsonb,
    migration_id uuid,
    CONSTRAINT pk_protocol_preflight PRIMARY KEY (id),
    CONSTRAINT fk_protocol_preflight_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE,
    CONSTRAINT fk_protocol_preflight_migration_id FOREIGN KEY (migration_id)
        REFERENCES protocol_migration (id) ON DELETE CASCADE,
    CONSTRAINT ck_protocol_preflight_to_protocol_valid CHECK (to_protocol IN ('http', 'acp')),
    CONSTRAINT ck_protocol_preflight_verdict_valid CHECK (verdict IN ('pass', 'warn', 'block')),
    CONSTRAINT ck_protocol_preflight_verdict_set_when_completed CHECK (
        (completed_at IS NULL) = (verdict IS NULL))
);
CREATE INDEX ix_protocol_preflight_container_id ON protocol_preflight (container_id, id);
CREATE INDEX ix_protocol_preflight_migration_id ON protocol_preflight (migration_id)
    WHERE migration_id IS NOT NULL;
CREATE UNIQUE INDEX uq_protocol_preflight_one_open ON protocol_preflight (container_id)
    WHERE completed_at IS NULL;

CREATE TABLE container_presence (
    container_id uuid        NOT NULL,
    epoch        bigint      NOT NULL,
    callers      integer     NOT NULL DEFAULT 0,
    sessions     integer     NOT NULL DEFAULT 0,
    at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_container_presence PRIMARY KEY (container_id),
    CONSTRAINT fk_container_presence_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE,
    CONSTRAINT ck_container_presence_not_negative CHECK (callers >= 0 AND sessions >= 0)
) WITH (fillfactor = 80);
"""

DOWN = """
DROP TABLE container_presence;
DROP TABLE protocol_preflight;
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(DOWN)
