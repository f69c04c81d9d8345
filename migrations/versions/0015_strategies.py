"""Strategies of protocol migrations: plans, phases, what was measured, and what people ask of one.

`failed` now means that nothing was switched, and `rolled_back` that a rollback occurred. A gateway of the
version before may still be at work: what it stores as failed is put right by a trigger.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE protocol_migration
    ADD COLUMN strategy         text        NOT NULL DEFAULT 'graceful',
    ADD COLUMN drain_seconds    integer     NOT NULL DEFAULT 10,
    ADD COLUMN scheduled_at     timestamptz,
    ADD COLUMN scheduled_zone   text,
    ADD COLUMN verification     jsonb       NOT NULL DEFAULT '{}',
    ADD COLUMN measured         jsonb,
    ADD COLUMN switch_asked_at  timestamptz,
    ADD COLUMN switch_asked_by  text,
    ADD COLUMN cancel_asked_at  timestamptz,
    ADD COLUMN cancel_asked_by  text,
    ADD COLUMN cancel_reason    text,
    ADD CONSTRAINT ck_protocol_migration_strategy_valid
        CHECK (strategy IN ('immediate', 'graceful', 'scheduled', 'manual')),
    ADD CONSTRAINT ck_protocol_migration_drain_seconds_valid CHECK (drain_seconds BETWEEN 0 AND 86400),
    ADD CONSTRAINT ck_protocol_migration_scheduled_has_time
        CHECK ((strategy = 'scheduled') = (scheduled_at IS NOT NULL)),
    ADD CONSTRAINT ck_protocol_migration_switch_asked_by_somebody
        CHECK ((switch_asked_at IS NULL) = (switch_asked_by IS NULL)),
    ADD CONSTRAINT ck_protocol_migration_cancel_asked_by_somebody
        CHECK ((cancel_asked_at IS NULL) = (cancel_asked_by IS NULL));
"""

WORDS = """
DROP TRIGGER protocol_migration_phase_move ON protocol_migration;
ALTER TABLE protocol_migration DROP CONSTRAINT ck_protocol_migration_phase_valid;
"""

PHASES = """
UPDATE protocol_migration m SET phase = 'rolled_back' WHERE phase = 'failed' AND EXISTS (
    SELECT FROM protocol_migration_step s WHERE s.migration_id = m.id AND s.phase = 'rolling_back');
UPDATE protocol_migration SET rollback = false WHERE phase = 'failed' AND rollback;
ALTER TABLE protocol_migration
    ADD CONSTRAINT ck_protocol_migration_phase_valid CHECK (phase IN (
        'pending', 'preflight', 'prepared', 'draining', 'switching', 'verifying', 'rolling_back',
        'completed', 'failed', 'rolled_back'));

CREATE OR REPLACE FUNCTION protocol_migration_phase_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.phase, NEW.phase) NOT IN (
        ('pending', 'preflight'), ('pending', 'failed'),
        ('preflight', 'prepared'), ('preflight', 'draining'), ('preflight', 'switching'),
        ('preflight', 'failed'),
        ('prepared', 'draining'), ('prepared', 'switching'), ('prepared', 'failed'),
        ('draining', 'switching'), ('draining', 'failed'),
        ('switching', 'verifying'), ('switching', 'rolling_back'),
        ('verifying', 'completed'), ('verifying', 'rolling_back'),
        ('rolling_back', 'rolled_back')
    ) THEN
        RAISE check_violation USING CONSTRAINT = 'protocol_migration_phase_move',
            MESSAGE = 'protocol migration phase cannot go from ' || OLD.phase || ' to ' || NEW.phase;
    END IF;
    RETURN NULL;
END $$;

-- The version before knows one word for both ends, and marks both as rollbacks.
CREATE FUNCTION protocol_migration_failed_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.phase = 'rolling_back' THEN
        NEW.phase := 'rolled_back';
    ELSE
        NEW.rollback := false;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER protocol_migration_failed_word BEFORE UPDATE OF phase ON protocol_migration
    FOR EACH ROW WHEN (OLD.phase <> 'failed' AND NEW.phase = 'failed')
    EXECUTE FUNCTION protocol_migration_failed_word();
"""

MOVE = """
CREATE TRIGGER protocol_migration_phase_move AFTER UPDATE OF phase ON protocol_migration
    FOR EACH ROW WHEN (OLD.phase IS DISTINCT FROM NEW.phase) EXECUTE FUNCTION protocol_migration_phase_move();
"""

# What the version before does not know goes on there at once: it waits for no time and for nobody.
PHASES_DOWN = """
DROP FUNCTION protocol_migration_failed_word CASCADE;
UPDATE protocol_migration SET phase = CASE phase WHEN 'rolled_back' THEN 'failed' ELSE 'preflight' END
    WHERE phase IN ('rolled_back', 'prepared', 'draining');
UPDATE protocol_migration SET rollback = true WHERE phase = 'failed';
ALTER TABLE protocol_migration
    ADD CONSTRAINT ck_protocol_migration_phase_valid CHECK (phase IN (
        'pending', 'preflight', 'switching', 'verifying', 'rolling_back', 'completed', 'failed'));

CREATE OR REPLACE FUNCTION protocol_migration_phase_move() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""

COLUMNS_DOWN = """
ALTER TABLE protocol_migration
    DROP COLUMN strategy, DROP COLUMN drain_seconds, DROP COLUMN scheduled_at, DROP COLUMN scheduled_zone,
    DROP COLUMN verification, DROP COLUMN measured, DROP COLUMN switch_asked_at, DROP COLUMN switch_asked_by,
    DROP COLUMN cancel_asked_at, DROP COLUMN cancel_asked_by, DROP COLUMN cancel_reason;
"""


def upgrade() -> None:
    for statements in (COLUMNS, WORDS, PHASES, MOVE):
        op.execute(statements)


def downgrade() -> None:
    for statements in (WORDS, PHASES_DOWN, MOVE, COLUMNS_DOWN):
        op.execute(statements)
