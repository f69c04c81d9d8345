"""Numbers of records, counted by the database: `acp_connection_sequence`."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE acp_connection_sequence (
    connection_id uuid   NOT NULL,
    last_seq      bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_acp_connection_sequence PRIMARY KEY (connection_id),
    CONSTRAINT fk_acp_connection_sequence_connection_id FOREIGN KEY (connection_id)
        REFERENCES acp_connection (id) ON DELETE CASCADE
) WITH (fillfactor = 70);

-- Ids are in the order of the numbers, so the last record has the highest one; the index (connection_id, id)
-- finds it without a scan of the history.
INSERT INTO acp_connection_sequence (connection_id, last_seq)
SELECT k.id, coalesce(
    (SELECT m.seq FROM acp_message m WHERE m.connection_id = k.id ORDER BY m.id DESC LIMIT 1), 0)
FROM acp_connection k;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("DROP TABLE acp_connection_sequence")
