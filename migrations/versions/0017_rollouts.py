"""Rollouts: the plan, its waves, each container's part, what happened, and notifications that are owed.

The moves between states are enforced here, too, as they were when this was written. `audit_event` says from
where something was done.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE rollout (
    id             uuid        NOT NULL DEFAULT gen_random_uuid(),
    name           text        NOT NULL,
    to_protocol    text        NOT NULL,
    plan           jsonb       NOT NULL,
    reason         text        NOT NULL,
    digest         text        NOT NULL,
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    state          text        NOT NULL DEFAULT 'draft',
    state_reason   text        NOT NULL DEFAULT '',
    changed_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    ended_at       timestamptz,
    requests       bigint      NOT NULL DEFAULT 0,
    request_errors bigint      NOT NULL DEFAULT 0,
    measured_at    timestamptz,
    CONSTRAINT pk_rollout PRIMARY KEY (id),
    CONSTRAINT ck_rollout_to_protocol_valid CHECK (to_protocol IN ('http', 'acp')),
    CONSTRAINT ck_rollout_state_valid CHECK (state IN (
        'draft', 'running', 'paused', 'aborting', 'rolling_back', 'completed', 'aborted', 'rolled_back'))
) WITH (fillfactor = 80);
CREATE INDEX ix_rollout_state ON rollout (state, id);
CREATE INDEX ix_rollout_live ON rollout (id) WHERE state IN ('running', 'paused', 'aborting', 'rolling_back');

CREATE TABLE rollout_wave (
    rollout_id uuid    NOT NULL,
    number     integer NOT NULL,
    state      text    NOT NULL DEFAULT 'waiting',
    began_at   timestamptz,
    baking_at  timestamptz,
    ended_at   timestamptz,
    why        text,
    CONSTRAINT pk_rollout_wave PRIMARY KEY (rollout_id, number),
    CONSTRAINT fk_rollout_wave_rollout_id FOREIGN KEY (rollout_id) REFERENCES rollout (id) ON DELETE CASCADE,
    CONSTRAINT ck_rollout_wave_number_positive CHECK (number > 0),
    CONSTRAINT ck_rollout_wave_baking_since CHECK (state <> 'baking' OR baking_at IS NOT NULL),
    CONSTRAINT ck_rollout_wave_state_valid CHECK (
        state IN ('waiting', 'running', 'baking', 'passed', 'failed'))
) WITH (fillfactor = 80);

CREATE TABLE rollout_container (
    id                uuid    NOT NULL DEFAULT gen_random_uuid(),
    rollout_id        uuid    NOT NULL,
    container_id      uuid,
    name              text    NOT NULL,
    wave              integer,
    position          integer NOT NULL,
    canary            boolean NOT NULL DEFAULT false,
    late              boolean NOT NULL DEFAULT false,
    state             text    NOT NULL DEFAULT 'waiting',
    detail            text,
    attempts          integer NOT NULL DEFAULT 0,
    migration_id      uuid,
    back_migration_id uuid,
    began_at          timestamptz,
    ended_at          timestamptz,
    CONSTRAINT pk_rollout_container PRIMARY KEY (id),
    CONSTRAINT fk_rollout_container_rollout_id FOREIGN KEY (rollout_id)
        REFERENCES rollout (id) ON DELETE CASCADE,
    CONSTRAINT fk_rollout_container_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE SET NULL,
    CONSTRAINT fk_rollout_container_migration_id FOREIGN KEY (migration_id)
        REFERENCES protocol_migration (id) ON DELETE SET NULL,
    CONSTRAINT fk_rollout_container_back_migration_id FOREIGN KEY (back_migration_id)
        REFERENCES protocol_migration (id) ON DELETE SET NULL,
    CONSTRAINT ck_rollout_container_wave_unless_left_out CHECK ((wave IS NULL) = (state = 'left_out')),
    CONSTRAINT ck_rollout_container_attempts_not_negative CHECK (attempts >= 0),
    CONSTRAINT ck_rollout_container_state_valid CHECK (state IN ('waiting', 'running', 'completed', 'failed',
        'returning', 'rolling_back', 'rolled_back', 'left_out', 'skipped'))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX uq_rollout_container_once ON rollout_container (rollout_id, container_id);
CREATE UNIQUE INDEX uq_rollout_container_position ON rollout_container (rollout_id, position);
CREATE INDEX ix_rollout_container_turn ON rollout_container (rollout_id, wave, state, position);
CREATE INDEX ix_rollout_container_container_id ON rollout_container (container_id);
CREATE INDEX ix_rollout_container_migration_id ON rollout_container (migration_id);
CREATE INDEX ix_rollout_container_back_migration_id ON rollout_container (back_migration_id);
CREATE INDEX ix_rollout_container_unsettled ON rollout_container (rollout_id)
    WHERE state IN ('running', 'returning', 'rolling_back');

CREATE TABLE rollout_event (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    rollout_id uuid        NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text        NOT NULL,
    origin     text        NOT NULL DEFAULT '',
    what       text        NOT NULL,
    detail     text        NOT NULL DEFAULT '',
    wave       integer,
    CONSTRAINT pk_rollout_event PRIMARY KEY (id),
    CONSTRAINT fk_rollout_event_rollout_id FOREIGN KEY (rollout_id) REFERENCES rollout (id) ON DELETE CASCADE
);
CREATE INDEX ix_rollout_event_rollout_id ON rollout_event (rollout_id, id);

CREATE TABLE webhook_delivery (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    rollout_id      uuid        NOT NULL,
    event           text        NOT NULL,
    body            jsonb       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    next_at         timestamptz NOT NULL DEFAULT now(),
    attempts        integer     NOT NULL DEFAULT 0,
    last_attempt_at timestamptz,
    last_error      text,
    delivered_at    timestamptz,
    given_up_at     timestamptz,
    CONSTRAINT pk_webhook_delivery PRIMARY KEY (id),
    CONSTRAINT fk_webhook_delivery_rollout_id FOREIGN KEY (rollout_id)
        REFERENCES rollout (id) ON DELETE CASCADE,
    CONSTRAINT ck_webhook_delivery_attempts_not_negative CHECK (attempts >= 0),
    CONSTRAINT ck_webhook_delivery_one_end CHECK (delivered_at IS NULL OR given_up_at IS NULL)
);
CREATE INDEX ix_webhook_delivery_due ON webhook_delivery (next_at)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
CREATE INDEX ix_webhook_delivery_rollout_id ON webhook_delivery (rollout_id, id);

ALTER TABLE audit_event ADD COLUMN origin text NOT NULL DEFAULT '';
"""

MOVES = """
CREATE FUNCTION rollout_state_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('draft', 'running'), ('draft', 'aborted'),
        ('running', 'paused'), ('running', 'aborting'), ('running', 'rolling_back'), ('running', 'completed'),
        ('paused', 'running'), ('paused', 'aborting'), ('paused', 'rolling_back'),
        ('aborting', 'rolling_back'), ('aborting', 'aborted'),
        ('rolling_back', 'rolled_back'),
        ('completed', 'running'), ('completed', 'rolling_back'),
        ('aborted', 'rolling_back'),
        ('rolled_back', 'running'), ('rolled_back', 'rolling_back')
    ) THEN
        RAISE check_violation USING CONSTRAINT = 'rollout_state_move',
            MESSAGE = 'rollout cannot go from ' || OLD.state || ' to ' || NEW.state;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rollout_state_move AFTER UPDATE OF state ON rollout
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION rollout_state_move();

CREATE FUNCTION rollout_wave_state_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('waiting', 'running'),
        ('running', 'baking'), ('running', 'failed'),
        ('baking', 'running'), ('baking', 'passed'), ('baking', 'failed'),
        ('passed', 'waiting'),
        ('failed', 'waiting'), ('failed', 'passed')
    ) THEN
        RAISE check_violation USING CONSTRAINT = 'rollout_wave_state_move',
            MESSAGE = 'wave cannot go from ' || OLD.state || ' to ' || NEW.state;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rollout_wave_state_move AFTER UPDATE OF state ON rollout_wave
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION rollout_wave_state_move();

CREATE FUNCTION rollout_container_state_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('waiting', 'running'), ('waiting', 'left_out'), ('waiting', 'skipped'),
        ('running', 'completed'), ('running', 'failed'), ('running', 'returning'),
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
CREATE TRIGGER rollout_container_state_move AFTER UPDATE OF state ON rollout_container
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION rollout_container_state_move();
"""

DOWN = """
ALTER TABLE audit_event DROP COLUMN origin;
DROP TABLE webhook_delivery, rollout_event, rollout_container, rollout_wave, rollout;
DROP FUNCTION rollout_state_move, rollout_wave_state_move, rollout_container_state_move;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(MOVES)


def downgrade() -> None:
    op.execute(DOWN)
