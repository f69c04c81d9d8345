"""For a look at the past: transitions by container and time, who closed with which code, last looks.

And indexes that find open requests and errors without a scan of the records.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A trigger fills container_id in, for code from before writes transitions without it.
TRANSITIONS = """
ALTER TABLE acp_connection_transition
    ADD COLUMN container_id uuid,
    ADD COLUMN closed_by    text,
    ADD COLUMN close_code   integer,
    ADD CONSTRAINT ck_acp_connection_transition_closed_by_valid
        CHECK (closed_by IN ('us', 'peer', 'network'));
UPDATE acp_connection_transition t SET container_id = k.container_id
    FROM acp_connection k WHERE k.id = t.connection_id;
ALTER TABLE acp_connection_transition ALTER COLUMN container_id SET NOT NULL;

CREATE FUNCTION acp_connection_transition_container() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.container_id := (SELECT container_id FROM acp_connection WHERE id = NEW.connection_id);
    RETURN NEW;
END $$;
CREATE TRIGGER acp_connection_transition_container BEFORE INSERT ON acp_connection_transition
    FOR EACH ROW EXECUTE FUNCTION acp_connection_transition_container();

CREATE INDEX ix_acp_connection_transition_container_id ON acp_connection_transition (container_id, at, id);
CREATE INDEX ix_acp_connection_transition_at ON acp_connection_transition (at, id);
"""

LOOKS = """
CREATE TABLE console_last_look (
    user_id uuid        NOT NULL,
    at      timestamptz NOT NULL,
    CONSTRAINT pk_console_last_look PRIMARY KEY (user_id),
    CONSTRAINT fk_console_last_look_user_id FOREIGN KEY (user_id)
        REFERENCES console_user (id) ON DELETE CASCADE
);
"""

# Health requests are left out of the first: there are more of them than of all others.
RECORDS = """
CREATE INDEX ix_acp_message_caller_request ON acp_message (connection_id, id)
    WHERE direction = 'outbound' AND rpc_kind = 'request' AND method <> '_console/ping';
CREATE INDEX ix_acp_message_error ON acp_message (id) WHERE error;
"""

DOWN = """
DROP INDEX ix_acp_message_error, ix_acp_message_caller_request;
DROP TABLE console_last_look;
DROP INDEX ix_acp_connection_transition_at, ix_acp_connection_transition_container_id;
DROP FUNCTION acp_connection_transition_container CASCADE;
ALTER TABLE acp_connection_transition
    DROP CONSTRAINT ck_acp_connection_transition_closed_by_valid,
    DROP COLUMN close_code,
    DROP COLUMN closed_by,
    DROP COLUMN container_id;
"""


def upgrade() -> None:
    for statements in (TRANSITIONS, LOOKS, RECORDS):
        op.execute(statements)


def downgrade() -> None:
    op.execute(DOWN)
