"""Data model, Database Migrations 3: add indexes, referential integrity, validation rules and triggers.

A trigger's error carries SQLSTATE 23514 (check_violation) and the rule's name as its constraint, like a
CHECK's, so that clients read both in one way. Triggers that judge run AFTER the row's CHECKs: they see final
and valid values. Their rules across tables hold under READ COMMITTED, PostgreSQL's default.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INTEGRITY = """
ALTER TABLE acp_connection
    ADD CONSTRAINT uq_acp_connection_connection_id UNIQUE (connection_id),
    ADD CONSTRAINT uq_acp_connection_id_container_id UNIQUE (id, container_id),
    ADD CONSTRAINT fk_acp_connection_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE;

ALTER TABLE acp_message
    ADD CONSTRAINT fk_acp_message_connection_id FOREIGN KEY (connection_id)
        REFERENCES acp_connection (id) ON DELETE CASCADE;

-- Composite, so that a session can only name a connection of its own container.
ALTER TABLE container_session
    ADD CONSTRAINT fk_container_session_acp_connection FOREIGN KEY (acp_connection_id, container_id)
        REFERENCES acp_connection (id, container_id) ON DELETE SET NULL (acp_connection_id);

ALTER TABLE protocol_migration
    ADD CONSTRAINT fk_protocol_migration_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE;

ALTER TABLE acp_connection_configuration
    ADD CONSTRAINT uq_acp_connection_configuration_container_id UNIQUE (container_id),
    ADD CONSTRAINT fk_acp_connection_configuration_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE;
"""

# The version's expression is the one that semver.org suggests.
RULES = r"""
ALTER TABLE acp_connection
    ADD CONSTRAINT ck_acp_connection_status_valid
        CHECK (status IN ('connected', 'disconnected', 'error', 'reconnecting')),
    ADD CONSTRAINT ck_acp_connection_version_semver CHECK (version ~ (
        '^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)'
        '(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?'
        '(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$')),
    ADD CONSTRAINT ck_acp_connection_error_count_not_negative CHECK (error_count >= 0),
    ADD CONSTRAINT ck_acp_connection_reconnect_count_not_negative CHECK (reconnect_count >= 0);

ALTER TABLE acp_message
    ADD CONSTRAINT ck_acp_message_direction_valid CHECK (direction IN ('inbound', 'outbound')),
    ADD CONSTRAINT ck_acp_message_message_type_valid
        CHECK (message_type IN ('connect', 'message', 'event', 'command', 'status', 'disconnect')),
    ADD CONSTRAINT ck_acp_message_size_positive CHECK (size > 0),
    ADD CONSTRAINT ck_acp_message_processing_time_not_negative CHECK (processing_time >= 0);

ALTER TABLE container_session
    ADD CONSTRAINT ck_container_session_protocol_type_valid CHECK (protocol_type IN ('http', 'acp')),
    ADD CONSTRAINT ck_container_session_acp_has_connection
        CHECK (protocol_type <> 'acp' OR acp_connection_id IS NOT NULL);

ALTER TABLE container
    ADD CONSTRAINT ck_container_supported_protocols_valid
        CHECK (supported_protocols <@ ARRAY['http', 'acp']::text[]),
    ADD CONSTRAINT ck_container_supported_protocols_distinct CHECK (
        cardinality(array_positions(supported_protocols, 'http')) <= 1
        AND cardinality(array_positions(supported_protocols, 'acp')) <= 1),
    ADD CONSTRAINT ck_container_preferred_protocol_supported
        CHECK (preferred_protocol = ANY (supported_protocols));

ALTER TABLE protocol_migration
    ADD CONSTRAINT ck_protocol_migration_from_protocol_valid CHECK (from_protocol IN ('http', 'acp')),
    ADD CONSTRAINT ck_protocol_migration_to_protocol_valid CHECK (to_protocol IN ('http', 'acp')),
    ADD CONSTRAINT ck_protocol_migration_completed_after_started CHECK (completed_at > started_at),
    ADD CONSTRAINT ck_protocol_migration_success_set_when_completed
        CHECK (completed_at IS NULL OR success IS NOT NULL),
    ADD CONSTRAINT ck_protocol_migration_attempt_count_positive CHECK (attempt_count > 0);

ALTER TABLE acp_connection_configuration
    ADD CONSTRAINT ck_acp_connection_configuration_reconnect_delay_valid
        CHECK (reconnect_delay > 0 AND reconnect_delay <= max_reconnect_delay),
    ADD CONSTRAINT ck_acp_connection_configuration_encryption_level_valid
        CHECK (encryption_level IN ('none', 'standard', 'high')),
    ADD CONSTRAINT ck_acp_connection_configuration_max_reconnect_attempts_valid
        CHECK (max_reconnect_attempts >= 0),
    ADD CONSTRAINT ck_acp_connection_configuration_idle_timeout_positive CHECK (idle_timeout > 0),
    ADD CONSTRAINT ck_acp_connection_configuration_keep_alive_interval_positive
        CHECK (keep_alive_interval > 0);
"""

INDEXES = """
CREATE INDEX ix_acp_connection_container_id ON acp_connection (container_id);
CREATE INDEX ix_acp_connection_status ON acp_connection (status);
-- Relationships 1: only one connection of a container can be active at a time.
CREATE UNIQUE INDEX uq_acp_connection_one_active ON acp_connection (container_id)
    WHERE status <> 'disconnected';

CREATE INDEX ix_acp_message_connection_id ON acp_message (connection_id);
CREATE INDEX ix_acp_message_message_type ON acp_message (message_type);
CREATE INDEX ix_acp_message_timestamp ON acp_message (timestamp);

CREATE INDEX ix_container_session_protocol_type ON container_session (protocol_type);
CREATE INDEX ix_container_preferred_protocol ON container (preferred_protocol);
CREATE INDEX ix_protocol_migration_container_id ON protocol_migration (container_id);
CREATE INDEX ix_protocol_migration_success ON protocol_migration (success);

-- Room on each page for the new version of a row whose counters and times change often.
ALTER TABLE acp_connection SET (fillfactor = 80);
"""

# The transaction's time, so that a change and the transition row that explains it carry the same.
TOUCH = """
CREATE FUNCTION touch_last_active() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.last_active := now();
    RETURN NEW;
END $$;

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

CREATE TRIGGER acp_connection_touch BEFORE UPDATE ON acp_connection
    FOR EACH ROW EXECUTE FUNCTION touch_last_active();
CREATE TRIGGER container_touch BEFORE UPDATE ON container
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER container_session_touch BEFORE UPDATE ON container_session
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER acp_connection_configuration_touch BEFORE UPDATE ON acp_connection_configuration
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
"""

MOVES = """
CREATE FUNCTION acp_connection_status_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('disconnected', 'connected'),
        ('connected', 'disconnected'), ('connected', 'error'),
        ('error', 'reconnecting'), ('error', 'disconnected'),
        ('reconnecting', 'connected'), ('reconnecting', 'disconnected')
    ) THEN
        RAISE check_violation USING CONSTRAINT = 'acp_connection_status_move',
            MESSAGE = 'connection status cannot go from ' || OLD.status || ' to ' || NEW.status;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER acp_connection_status_move AFTER UPDATE OF status ON acp_connection
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION acp_connection_status_move();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE check_violation USING CONSTRAINT = TG_NAME,
        MESSAGE = TG_TABLE_NAME || ' is append-only; ' || TG_OP || ' is refused';
END $$;

CREATE TRIGGER acp_message_append_only BEFORE UPDATE ON acp_message
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

# Each side's write waits for the other's, for both lock the container's row.
PROTOCOLS = """
CREATE FUNCTION container_session_protocol_supported() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    supported text[];
BEGIN
    SELECT supported_protocols INTO supported FROM container WHERE id = NEW.container_id FOR SHARE;
    IF NOT 'acp' = ANY (supported) THEN
        RAISE check_violation USING CONSTRAINT = 'container_session_protocol_supported',
            MESSAGE = 'a session on acp needs a container that supports acp; container ' || NEW.container_id
                || ' supports ' || array_to_string(supported, ', ');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER container_session_protocol_supported
    AFTER INSERT OR UPDATE OF protocol_type, container_id ON container_session
    FOR EACH ROW WHEN (NEW.protocol_type = 'acp') EXECUTE FUNCTION container_session_protocol_supported();

CREATE FUNCTION container_protocol_in_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM container_session WHERE container_id = NEW.id AND protocol_type = 'acp') THEN
        RAISE check_violation USING CONSTRAINT = 'container_protocol_in_use',
            MESSAGE = 'container ' || NEW.id || ' cannot drop acp while its session is on acp';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER container_protocol_in_use AFTER UPDATE OF supported_protocols ON container
    FOR EACH ROW WHEN (NOT 'acp' = ANY (NEW.supported_protocols))
    EXECUTE FUNCTION container_protocol_in_use();
"""

# Relationships 3 and 5: each container has exactly one session and one configuration. What existed before
# gets them now; what a client that knows only containers adds later gets them as it commits.
PARTS = """
INSERT INTO container_session (container_id)
    SELECT id FROM container ON CONFLICT (container_id) DO NOTHING;
INSERT INTO acp_connection_configuration (container_id)
    SELECT id FROM container ON CONFLICT (container_id) DO NOTHING;

CREATE FUNCTION container_complete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO container_session (container_id)
        SELECT id FROM container WHERE id = NEW.id ON CONFLICT (container_id) DO NOTHING;
    INSERT INTO acp_connection_configuration (container_id)
        SELECT id FROM container WHERE id = NEW.id ON CONFLICT (container_id) DO NOTHING;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER container_complete AFTER INSERT ON container
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION container_complete();

CREATE FUNCTION container_keeps_part() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lost boolean;
BEGIN
    EXECUTE 'SELECT EXISTS (SELECT FROM container WHERE id = $1)
        AND NOT EXISTS (SELECT FROM ' || TG_RELID::regclass || ' WHERE container_id = $1)'
        INTO lost USING OLD.container_id;
    IF lost THEN
        RAISE check_violation USING CONSTRAINT = TG_NAME,
            MESSAGE = 'container ' || OLD.container_id || ' needs its ' || TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER container_keeps_session AFTER DELETE OR UPDATE OF container_id ON container_session
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION container_keeps_part();
CREATE CONSTRAINT TRIGGER container_keeps_configuration
    AFTER DELETE OR UPDATE OF container_id ON acp_connection_configuration
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION container_keeps_part();
"""

# CASCADE takes each function's triggers with it.
DOWN = """
DROP FUNCTION container_keeps_part, container_complete, container_protocol_in_use,
    container_session_protocol_supported, refuse_change, acp_connection_status_move, touch_updated_at,
    touch_last_active CASCADE;

ALTER TABLE acp_connection RESET (fillfactor);
DROP INDEX ix_protocol_migration_success, ix_protocol_migration_container_id, ix_container_preferred_protocol,
    ix_container_session_protocol_type, ix_acp_message_timestamp, ix_acp_message_message_type,
    ix_acp_message_connection_id, uq_acp_connection_one_active, ix_acp_connection_status,
    ix_acp_connection_container_id;

ALTER TABLE acp_connection_configuration
    DROP CONSTRAINT ck_acp_connection_configuration_keep_alive_interval_positive,
    DROP CONSTRAINT ck_acp_connection_configuration_idle_timeout_positive,
    DROP CONSTRAINT ck_acp_connection_configuration_max_reconnect_attempts_valid,
    DROP CONSTRAINT ck_acp_connection_configuration_encryption_level_valid,
    DROP CONSTRAINT ck_acp_connection_configuration_reconnect_delay_valid,
    DROP CONSTRAINT fk_acp_connection_configuration_container_id,
    DROP CONSTRAINT uq_acp_connection_configuration_container_id;
ALTER TABLE protocol_migration
    DROP CONSTRAINT ck_protocol_migration_attempt_count_positive,
    DROP CONSTRAINT ck_protocol_migration_success_set_when_completed,
    DROP CONSTRAINT ck_protocol_migration_completed_after_started,
    DROP CONSTRAINT ck_protocol_migration_to_protocol_valid,
    DROP CONSTRAINT ck_protocol_migration_from_protocol_valid,
    DROP CONSTRAINT fk_protocol_migration_container_id;
ALTER TABLE container
    DROP CONSTRAINT ck_container_preferred_protocol_supported,
    DROP CONSTRAINT ck_container_supported_protocols_distinct,
    DROP CONSTRAINT ck_container_supported_protocols_valid;
ALTER TABLE container_session
    DROP CONSTRAINT ck_container_session_acp_has_connection,
    DROP CONSTRAINT ck_container_session_protocol_type_valid,
    DROP CONSTRAINT fk_container_session_acp_connection;
ALTER TABLE acp_message
    DROP CONSTRAINT ck_acp_message_processing_time_not_negative,
    DROP CONSTRAINT ck_acp_message_size_positive,
    DROP CONSTRAINT ck_acp_message_message_type_valid,
    DROP CONSTRAINT ck_acp_message_direction_valid,
    DROP CONSTRAINT fk_acp_message_connection_id;
ALTER TABLE acp_connection
    DROP CONSTRAINT ck_acp_connection_reconnect_count_not_negative,
    DROP CONSTRAINT ck_acp_connection_error_count_not_negative,
    DROP CONSTRAINT ck_acp_connection_version_semver,
    DROP CONSTRAINT ck_acp_connection_status_valid,
    DROP CONSTRAINT fk_acp_connection_container_id,
    DROP CONSTRAINT uq_acp_connection_id_container_id,
    DROP CONSTRAINT uq_acp_connection_connection_id;
"""


def upgrade() -> None:
    for statements in (INTEGRITY, RULES, INDEXES, TOUCH, MOVES, PROTOCOLS, PARTS):
        op.execute(statements)


def downgrade() -> None:
    op.execute(DOWN)
