"""The ACP sessions of each container, a narrow row for each; how far they are kept is in `rollup_progress`.

Nothing is counted here: the rollups' worker does that in steps, from each connection's first record on. An
older version of it knows nothing of the new columns, and leaves them behind `rolled_seq`; the worker of this
one then adds what is missing.
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

UP = """
-- Changed with every few seconds' messages: `active_at`, which has the index, in steps of half a minute only.
CREATE TABLE acp_session (
    container_id uuid        NOT NULL,
    session_id   text        NOT NULL,
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    active_at    timestamptz NOT NULL,
    prompts      bigint      NOT NULL,
    messages     bigint      NOT NULL,
    CONSTRAINT pk_acp_session PRIMARY KEY (container_id, session_id),
    CONSTRAINT fk_acp_session_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX ix_acp_session_active_at ON acp_session (container_id, active_at, id);

ALTER TABLE rollup_progress
    ADD COLUMN sessions_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN sessions_floor_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'::uuid,
    ADD COLUMN sessions integer NOT NULL DEFAULT 0;
"""

DOWN = """
ALTER TABLE rollup_progress DROP COLUMN sessions, DROP COLUMN sessions_floor_id, DROP COLUMN sessions_seq;
DROP TABLE acp_session;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
