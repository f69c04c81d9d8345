"""What the lists need: a narrow row to sort containers by, saved views, actions on many, ended gateways.

`container_standing` follows `acp_connection` by triggers, so that it holds whoever writes, be it an older
version of this program: status and errors exactly, activity and latency in steps, for what changes with every
record must not move an index entry each time (ADR 30).
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STANDING = """
CREATE TABLE container_standing (
    container_id  uuid        NOT NULL,
    connection_id uuid,
    status        text        NOT NULL DEFAULT 'never',
    error_count   integer     NOT NULL DEFAULT 0,
    active_at     timestamptz NOT NULL DEFAULT to_timestamp(0),
    latency_step  smallint    NOT NULL DEFAULT 0,
    urgency       smallint    NOT NULL GENERATED ALWAYS AS (CASE status WHEN 'error' THEN 4
        WHEN 'reconnecting' THEN 3 WHEN 'disconnected' THEN 2 WHEN 'never' THEN 1 ELSE 0 END) STORED,
    CONSTRAINT pk_container_standing PRIMARY KEY (container_id),
    CONSTRAINT fk_container_standing_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX ix_container_standing_error_count ON container_standing (error_count, container_id);
CREATE INDEX ix_container_standing_active_at ON container_standing (active_at, container_id);
CREATE INDEX ix_container_standing_latency_step ON container_standing (latency_step, container_id);
CREATE INDEX ix_container_standing_urgency ON container_standing (urgency, container_id);

-- The logarithm in fifths: 0 is not measured, 36 a second; a latency that changes by less than a tenth stays.
CREATE FUNCTION latency_step(facts jsonb) RETURNS smallint LANGUAGE sql IMMUTABLE
RETURN CASE WHEN jsonb_typeof(facts -> 'latency_ms') = 'number' THEN
    1 + round(5 * ln(1 + least(greatest((facts ->> 'latency_ms')::float8, 0), 1e9))) ELSE 0 END::smallint;

-- In which half minute a connection was active last; each connection's begin at another second, so that
-- they are not all moved at once.
CREATE FUNCTION activity_step(id uuid, at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN floor((extract(epoch FROM at) + abs(mod(uuid_hash(id), 30))) / 30)::bigint;

-- The row first, then what it is made of: whoever has waited for another's commit sees what that wrote.
CREATE FUNCTION container_standing_renew(renewed uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM container_standing WHERE container_id = renewed FOR NO KEY UPDATE;
    UPDATE container_standing s SET connection_id = k.id, status = coalesce(k.status, 'never'),
        error_count = coalesce(k.error_count, 0), active_at = coalesce(k.last_active, to_timestamp(0)),
        latency_step = latency_step(k.metadata)
    FROM (SELECT) one LEFT JOIN LATERAL (
        SELECT * FROM acp_connection WHERE container_id = renewed
        ORDER BY (status <> 'disconnected') DESC, id DESC LIMIT 1
    ) k ON true
    WHERE s.container_id = renewed;
END $$;

CREATE FUNCTION container_standing_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM container_standing_renew(OLD.container_id);
    ELSE
        PERFORM container_standing_renew(NEW.container_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION container_standing_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE container_standing SET error_count = NEW.error_count
    WHERE container_id = NEW.container_id AND connection_id = NEW.id;
    RETURN NULL;
END $$;

-- A row that another has locked is left for the next step: whoever notes activity waits for nobody.
CREATE FUNCTION container_standing_touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE container_standing SET active_at = NEW.last_active, latency_step = latency_step(NEW.metadata)
    WHERE container_id = (
        SELECT container_id FROM container_standing
        WHERE container_id = NEW.container_id AND connection_id = NEW.id FOR NO KEY UPDATE SKIP LOCKED);
    RETURN NULL;
END $$;

CREATE FUNCTION container_standing_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO container_standing (container_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER container_standing_begin AFTER INSERT ON container
    FOR EACH ROW EXECUTE FUNCTION container_standing_begin();
CREATE TRIGGER container_standing_came AFTER INSERT OR DELETE ON acp_connection
    FOR EACH ROW EXECUTE FUNCTION container_standing_follow();
CREATE TRIGGER container_standing_moved AFTER UPDATE ON acp_connection
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION container_standing_follow();
CREATE TRIGGER container_standing_erred AFTER UPDATE ON acp_connection
    FOR EACH ROW WHEN (OLD.status = NEW.status AND OLD.error_count <> NEW.error_count)
    EXECUTE FUNCTION container_standing_count();
CREATE TRIGGER container_standing_active AFTER UPDATE ON acp_connection
    FOR EACH ROW WHEN (OLD.status = NEW.status AND (
        activity_step(OLD.id, OLD.last_active) <> activity_step(NEW.id, NEW.last_active)
        OR latency_step(OLD.metadata) <> latency_step(NEW.metadata)))
    EXECUTE FUNCTION container_standing_touch();

INSERT INTO container_standing (container_id, connection_id, status, error_count, active_at, latency_step)
SELECT c.id, k.id, coalesce(k.status, 'never'), coalesce(k.error_count, 0),
    coalesce(k.last_active, to_timestamp(0)), latency_step(k.metadata)
FROM container c LEFT JOIN LATERAL (
    SELECT * FROM acp_connection WHERE container_id = c.id
    ORDER BY (status <> 'disconnected') DESC, id DESC LIMIT 1
) k ON true;
"""

VIEWS = """
CREATE TABLE saved_view (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    owner_id   uuid        NOT NULL,
    noun       text        NOT NULL,
    name       text        NOT NULL,
    query      text        NOT NULL,
    shared     boolean     NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_saved_view PRIMARY KEY (id),
    CONSTRAINT uq_saved_view_name UNIQUE (owner_id, noun, name),
    CONSTRAINT ck_saved_view_query_length CHECK (length(query) <= 2000),
    CONSTRAINT fk_saved_view_owner_id FOREIGN KEY (owner_id) REFERENCES console_user (id) ON DELETE CASCADE
);
CREATE INDEX ix_saved_view_shared ON saved_view (noun, name) WHERE shared;
"""

ACTIONS = """
CREATE TABLE fleet_action (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    kind         text        NOT NULL,
    reason       text        NOT NULL,
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    asked        integer     NOT NULL,
    left_out     jsonb       NOT NULL,
    CONSTRAINT pk_fleet_action PRIMARY KEY (id),
    CONSTRAINT ck_fleet_action_kind_valid CHECK (kind IN ('reconnect', 'disconnect', 'probe'))
);
ALTER TABLE connection_action ADD COLUMN fleet_action_id uuid,
    ADD CONSTRAINT fk_connection_action_fleet_action_id FOREIGN KEY (fleet_action_id)
        REFERENCES fleet_action (id) ON DELETE SET NULL;
CREATE INDEX ix_connection_action_fleet_action_id ON connection_action (fleet_action_id, id)
    WHERE fleet_action_id IS NOT NULL;
"""

LISTS = """
CREATE INDEX ix_audit_event_actor ON audit_event (actor, id);
CREATE INDEX ix_audit_event_action ON audit_event (action, id);
CREATE INDEX ix_protocol_migration_outcome ON protocol_migration (success, id);

CREATE TABLE gateway_ended (
    id           uuid        NOT NULL,
    address      text        NOT NULL,
    version      text        NOT NULL,
    started_at   timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    ended_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_gateway_ended PRIMARY KEY (id)
);
CREATE INDEX ix_gateway_ended_ended_at ON gateway_ended (ended_at);

CREATE FUNCTION gateway_ended_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM gateway_ended WHERE ended_at < now() - interval '7 days' OR id = OLD.id;
    INSERT INTO gateway_ended (id, address, version, started_at, heartbeat_at)
    VALUES (OLD.id, OLD.address, OLD.version, OLD.started_at, OLD.heartbeat_at);
    RETURN NULL;
END $$;
CREATE TRIGGER gateway_ended_keep AFTER DELETE ON gateway
    FOR EACH ROW EXECUTE FUNCTION gateway_ended_keep();
"""

DOWN = """
DROP FUNCTION gateway_ended_keep CASCADE;
DROP TABLE gateway_ended;
DROP INDEX ix_protocol_migration_outcome, ix_audit_event_action, ix_audit_event_actor;
ALTER TABLE connection_action DROP COLUMN fleet_action_id;
DROP TABLE fleet_action;
DROP TABLE saved_view;
DROP FUNCTION container_standing_begin, container_standing_touch, container_standing_count,
    container_standing_follow CASCADE;
DROP FUNCTION container_standing_renew;
DROP TABLE container_standing;
DROP FUNCTION activity_step, latency_step CASCADE;
"""


def upgrade() -> None:
    for statements in (STANDING, VIEWS, ACTIONS, LISTS):
        op.execute(statements)


def downgrade() -> None:
    op.execute(DOWN)
