"""What the console keeps beside the data model.

Timelines and transitions, phases of protocol migrations, the audit trail, gateways and their leases,
people and callers.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CONTAINERS = """
ALTER TABLE container
    ADD COLUMN acp_path   text NOT NULL DEFAULT '/acp',
    ADD COLUMN credential text;
"""

MESSAGES = """
ALTER TABLE acp_message
    ADD COLUMN seq            bigint,
    ADD COLUMN method         text,
    ADD COLUMN rpc_kind       text,
    ADD COLUMN rpc_id         text,
    ADD COLUMN acp_session_id text,
    ADD COLUMN reply_to       uuid,
    ADD COLUMN caller         text,
    ADD COLUMN local          boolean NOT NULL DEFAULT false;
CREATE INDEX ix_acp_message_connection_id_id ON acp_message (connection_id, id);
CREATE INDEX ix_acp_message_reply_to ON acp_message (reply_to) WHERE reply_to IS NOT NULL;

CREATE TABLE acp_connection_transition (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    connection_id uuid        NOT NULL,
    from_status   text        NOT NULL,
    to_status     text        NOT NULL,
    reason        text        NOT NULL,
    at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_acp_connection_transition PRIMARY KEY (id),
    CONSTRAINT fk_acp_connection_transition_connection_id FOREIGN KEY (connection_id)
        REFERENCES acp_connection (id) ON DELETE CASCADE
);
CREATE INDEX ix_acp_connection_transition_connection_id ON acp_connection_transition (connection_id, id);
"""

MIGRATIONS = """
ALTER TABLE protocol_migration
    ADD COLUMN phase          text NOT NULL DEFAULT 'pending',
    ADD COLUMN cause          text NOT NULL DEFAULT 'operator',
    ADD COLUMN reason         text NOT NULL DEFAULT '',
    ADD COLUMN requested_by   text NOT NULL DEFAULT '',
    ADD COLUMN rollback_of_id uuid;
-- Those that ended before phases were kept.
UPDATE protocol_migration SET phase = CASE WHEN success THEN 'completed' ELSE 'failed' END
    WHERE completed_at IS NOT NULL;
ALTER TABLE protocol_migration
    ADD CONSTRAINT ck_protocol_migration_phase_valid CHECK (phase IN (
        'pending', 'preflight', 'switching', 'verifying', 'rolling_back', 'completed', 'failed')),
    ADD CONSTRAINT fk_protocol_migration_rollback_of_id FOREIGN KEY (rollback_of_id)
        REFERENCES protocol_migration (id) ON DELETE SET NULL;
CREATE UNIQUE INDEX uq_protocol_migration_one_open ON protocol_migration (container_id)
    WHERE completed_at IS NULL;

CREATE FUNCTION protocol_migration_phase_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.phase, NEW.phase) NOT IN (
        ('pending', 'preflight'), ('pending', 'failed'),
        ('preflight', 'switching'), ('preflight', 'failed'),
        ('switching', 'verifying'), ('switching', 'rolling_back'),
        ('verifying', 'completed'), ('verifying', 'rolling_back'),
        ('rolling_back', 'failed')
    ) THEN
        RAISE check_violation USING CONSTRAINT = 'protocol_migration_phase_move',
            MESSAGE = 'protocol migration phase cannot go from ' || OLD.phase || ' to ' || NEW.phase;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER protocol_migration_phase_move AFTER UPDATE OF phase ON protocol_migration
    FOR EACH ROW WHEN (OLD.phase IS DISTINCT FROM NEW.phase) EXECUTE FUNCTION protocol_migration_phase_move();

CREATE TABLE protocol_migration_step (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    migration_id uuid        NOT NULL,
    phase        text        NOT NULL,
    detail       text        NOT NULL DEFAULT '',
    at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_protocol_migration_step PRIMARY KEY (id),
    CONSTRAINT fk_protocol_migration_step_migration_id FOREIGN KEY (migration_id)
        REFERENCES protocol_migration (id) ON DELETE CASCADE
);
CREATE INDEX ix_protocol_migration_step_migration_id ON protocol_migration_step (migration_id, id);
"""

AUDIT = """
CREATE TABLE audit_event (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    at           timestamptz NOT NULL DEFAULT now(),
    actor        text        NOT NULL,
    action       text        NOT NULL,
    subject_type text        NOT NULL,
    subject_id   uuid        NOT NULL,
    reason       text,
    before       jsonb,
    after        jsonb,
    CONSTRAINT pk_audit_event PRIMARY KEY (id)
);
CREATE INDEX ix_audit_event_subject ON audit_event (subject_type, subject_id, id);

CREATE TRIGGER audit_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

GATEWAYS = """
CREATE TABLE gateway (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    address      text        NOT NULL,
    version      text        NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_gateway PRIMARY KEY (id)
);

CREATE TABLE container_lease (
    container_id uuid        NOT NULL,
    gateway_id   uuid,
    epoch        bigint      NOT NULL DEFAULT 0,
    expires_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_container_lease PRIMARY KEY (container_id),
    CONSTRAINT fk_container_lease_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE,
    CONSTRAINT fk_container_lease_gateway_id FOREIGN KEY (gateway_id)
        REFERENCES gateway (id) ON DELETE SET NULL
) WITH (fillfactor = 80);
"""

ACCESS = """
CREATE TABLE console_role (
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    name        text NOT NULL,
    description text,
    permissions text,
    CONSTRAINT pk_console_role PRIMARY KEY (id),
    CONSTRAINT uq_console_role_name UNIQUE (name)
);
INSERT INTO console_role (name, description, permissions) VALUES
    ('viewer', 'Sees everything, changes nothing.', 'read'),
    ('operator', 'Works with connections and their configuration.', 'read,operate,configure'),
    ('migrator', 'Moves containers between protocols, too.', 'read,operate,configure,migrate'),
    ('admin', 'Manages containers, people and tokens, too.', 'read,operate,configure,migrate,manage');

CREATE TABLE console_user (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    email         text        NOT NULL,
    password      text,
    active        boolean     NOT NULL DEFAULT true,
    fs_uniquifier text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_console_user PRIMARY KEY (id),
    CONSTRAINT uq_console_user_email UNIQUE (email),
    CONSTRAINT uq_console_user_fs_uniquifier UNIQUE (fs_uniquifier)
);

CREATE TABLE console_user_role (
    user_id uuid NOT NULL,
    role_id uuid NOT NULL,
    CONSTRAINT pk_console_user_role PRIMARY KEY (user_id, role_id),
    CONSTRAINT fk_console_user_role_user_id FOREIGN KEY (user_id)
        REFERENCES console_user (id) ON DELETE CASCADE,
    CONSTRAINT fk_console_user_role_role_id FOREIGN KEY (role_id)
        REFERENCES console_role (id) ON DELETE CASCADE
);

CREATE TABLE caller_token (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    name       text        NOT NULL,
    token_hash text        NOT NULL,
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_caller_token PRIMARY KEY (id),
    CONSTRAINT uq_caller_token_name UNIQUE (name),
    CONSTRAINT uq_caller_token_token_hash UNIQUE (token_hash)
);
"""

DOWN = """
DROP TABLE caller_token, console_user_role, console_user, console_role, container_lease, gateway, audit_event,
    protocol_migration_step, acp_connection_transition;
DROP FUNCTION protocol_migration_phase_move CASCADE;

DROP INDEX uq_protocol_migration_one_open;
ALTER TABLE protocol_migration
    DROP COLUMN rollback_of_id,
    DROP COLUMN requested_by,
    DROP COLUMN reason,
    DROP COLUMN cause,
    DROP COLUMN phase;
DROP INDEX ix_acp_message_connection_id_id;
ALTER TABLE acp_message
    DROP COLUMN local,
    DROP COLUMN caller,
    DROP COLUMN reply_to,
    DROP COLUMN acp_session_id,
    DROP COLUMN rpc_id,
    DROP COLUMN rpc_kind,
    DROP COLUMN method,
    DROP COLUMN seq;
ALTER TABLE container
    DROP COLUMN credential,
    DROP COLUMN acp_path;
"""


def upgrade() -> None:
    for statements in (CONTAINERS, MESSAGES, MIGRATIONS, AUDIT, GATEWAYS, ACCESS):
        op.execute(statements)


def downgrade() -> None:
    op.execute(DOWN)
