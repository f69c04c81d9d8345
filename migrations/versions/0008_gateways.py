"""What gateways say of themselves with each heartbeat, and since when they have been steady."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE gateway
    ADD COLUMN steady_since        timestamptz      NOT NULL DEFAULT now(),
    ADD COLUMN lease_seconds       integer          NOT NULL DEFAULT 10,
    ADD COLUMN draining            boolean          NOT NULL DEFAULT false,
    ADD COLUMN connected           integer          NOT NULL DEFAULT 0,
    ADD COLUMN callers             integer          NOT NULL DEFAULT 0,
    ADD COLUMN forwarded           integer          NOT NULL DEFAULT 0,
    ADD COLUMN messages_per_second double precision NOT NULL DEFAULT 0,
    ADD COLUMN records_waiting     integer          NOT NULL DEFAULT 0,
    ADD COLUMN oldest_waiting_ms   integer          NOT NULL DEFAULT 0,
    ADD COLUMN loop_lag_ms         integer          NOT NULL DEFAULT 0,
    SET (fillfactor = 80);
"""

DOWN = """
ALTER TABLE gateway
    RESET (fillfactor),
    DROP COLUMN loop_lag_ms,
    DROP COLUMN oldest_waiting_ms,
    DROP COLUMN records_waiting,
    DROP COLUMN messages_per_second,
    DROP COLUMN forwarded,
    DROP COLUMN callers,
    DROP COLUMN connected,
    DROP COLUMN draining,
    DROP COLUMN lease_seconds,
    DROP COLUMN steady_since;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
