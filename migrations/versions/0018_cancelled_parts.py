"""A roll back cancels what has not switched: a container's part may go from running to rolled back.

Console processes from before this go on: they count such a container as failed, as ever.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MOVE = """
CREATE OR REPLACE FUNCTION rollout_container_state_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('waiting', 'running'), ('waiting', 'left_out'), ('waiting', 'skipped'),
        ('running', 'completed'), ('running', 'failed'), ('running', 'returning'){more},
        ('completed', 'failed'), ('completed', 'returning'),
        ('failed', 'waiting'),
        ('returning', 'completed'), ('returning', 'rolling_back'), ('returning', 'rolled_back'),
        ('rolling_back', 'completed'), ('rolling_back', 'rolled_back'),
        ('rolled_back', 'waiting')
    ) THEN
        RAISE check_violation USING CONSTRAINT = 'rollout_container_state_move',
            MESSAGE = 'container''s part in the rollout cannot go from ' || OLD.state || ' to ' || NEW.state;
    END IF;
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.execute(MOVE.format(more=", ('running', 'rolled_back')"))


def downgrade() -> None:
    op.execute(MOVE.format(more=""))
