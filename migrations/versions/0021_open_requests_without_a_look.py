"""Open requests are kept without looking for their answers first.

The look found nothing, for an answer is recorded after its request, and mostly after its commit: whoever
answers is told only then. Where one batch has both, in this order, the row is begun and ended with it. It
was half of what a prompt cost the recorder's transaction beyond its copy.
"""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

BEGIN = """
CREATE OR REPLACE FUNCTION acp_open_request_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO acp_open_request (id, connection_id, direction, method)
    {values};
    RETURN NULL;
END $$;
"""
WHATEVER_COMES = "VALUES (NEW.id, NEW.connection_id, NEW.direction, NEW.method)"
UNLESS_ANSWERED = """SELECT NEW.id, NEW.connection_id, NEW.direction, NEW.method
    WHERE NOT EXISTS (SELECT FROM acp_message WHERE reply_to = NEW.id)"""


def upgrade() -> None:
    op.execute(BEGIN.format(values=WHATEVER_COMES))


def downgrade() -> None:
    op.execute(BEGIN.format(values=UNLESS_ANSWERED))
