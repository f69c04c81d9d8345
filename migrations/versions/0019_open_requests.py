"""What people wait for, a narrow row for each; indexes with what a list is narrowed to and its order.

`acp_open_request` follows `acp_message` by triggers, so that it holds whoever writes, be it an older version
of this program. They act on prompts, on what agents ask, and on the answers only, and after the whole of a
COPY: what it answers itself is never written here. An answer's record has its request's method and goes the
other way. `container_standing` has the container's name, for no index spans two tables.
"""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

OPEN = """
CREATE TABLE acp_open_request (
    id            uuid NOT NULL,
    connection_id uuid NOT NULL,
    direction     text NOT NULL,
    method        text,
    CONSTRAINT pk_acp_open_request PRIMARY KEY (id),
    CONSTRAINT fk_acp_open_request_connection_id FOREIGN KEY (connection_id)
        REFERENCES acp_connection (id) ON DELETE CASCADE
);
CREATE INDEX ix_acp_open_request_connection_id ON acp_open_request (connection_id, id);
CREATE INDEX ix_acp_open_request_method ON acp_open_request (method, id);

CREATE FUNCTION acp_open_request_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO acp_open_request (id, connection_id, direction, method)
    SELECT NEW.id, NEW.connection_id, NEW.direction, NEW.method
    WHERE NOT EXISTS (SELECT FROM acp_message WHERE reply_to = NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION acp_open_request_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM acp_open_request WHERE id = NEW.reply_to;
    RETURN NULL;
END $$;

CREATE TRIGGER acp_open_request_begin AFTER INSERT ON acp_message
    FOR EACH ROW WHEN (
        NEW.rpc_kind = 'request' AND (NEW.method = 'session/prompt' OR NEW.direction = 'inbound'))
    EXECUTE FUNCTION acp_open_request_begin();
CREATE TRIGGER acp_open_request_end AFTER INSERT ON acp_message
    FOR EACH ROW WHEN (
        NEW.reply_to IS NOT NULL AND (NEW.method = 'session/prompt' OR NEW.direction = 'outbound'))
    EXECUTE FUNCTION acp_open_request_end();

INSERT INTO acp_open_request (id, connection_id, direction, method)
SELECT id, connection_id, direction, method FROM acp_message asked
WHERE rpc_kind = 'request' AND (method = 'session/prompt' OR direction = 'inbound')
    AND NOT EXISTS (SELECT FROM acp_message answer WHERE answer.reply_to = asked.id);
"""

STANDING = """
ALTER TABLE container_standing ADD COLUMN name text NOT NULL DEFAULT '';
UPDATE container_standing s SET name = c.name FROM container c WHERE c.id = s.container_id;
CREATE INDEX ix_container_standing_status_name ON container_standing (status, name);

CREATE OR REPLACE FUNCTION container_standing_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO container_standing (container_id, name) VALUES (NEW.id, NEW.name);
    RETURN NULL;
END $$;

CREATE FUNCTION container_standing_rename() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE container_standing SET name = NEW.name WHERE container_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER container_standing_rename AFTER UPDATE ON container
    FOR EACH ROW WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION container_standing_rename();
"""

LISTS = """
CREATE INDEX ix_acp_connection_status_id ON acp_connection (status, id);
CREATE INDEX ix_acp_connection_configuration_revision_changed ON acp_connection_configuration_revision
    USING gin (changed);
"""

DOWN = """
DROP INDEX ix_acp_connection_configuration_revision_changed;
DROP INDEX ix_acp_connection_status_id;
CREATE OR REPLACE FUNCTION container_standing_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO container_standing (container_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
DROP FUNCTION container_standing_rename CASCADE;
ALTER TABLE container_standing DROP COLUMN name;
DROP FUNCTION acp_open_request_begin, acp_open_request_end CASCADE;
DROP TABLE acp_open_request;
"""


def upgrade() -> None:
    for statements in (OPEN, STANDING, LISTS):
        op.execute(statements)


def downgrade() -> None:
    op.execute(DOWN)
