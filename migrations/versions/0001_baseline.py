"""The container management as it was before ACP: containers, each with its session."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UP = """
CREATE TABLE container (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    name         text        NOT NULL,
    image        text        NOT NULL DEFAULT '',
    endpoint_url text        NOT NULL,
    status       text        NOT NULL DEFAULT 'running',
    labels       jsonb       NOT NULL DEFAULT '{}'::jsonb,
    owner        text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_container PRIMARY KEY (id),
    CONSTRAINT uq_container_name UNIQUE (name),
    CONSTRAINT ck_container_status_valid CHECK (status IN ('running', 'stopped'))
);

CREATE TABLE container_session (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    container_id uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_container_session PRIMARY KEY (id),
    CONSTRAINT uq_container_session_container_id UNIQUE (container_id),
    CONSTRAINT fk_container_session_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE
);
"""

DOWN = """
DROP TABLE container_session;
DROP TABLE container;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
