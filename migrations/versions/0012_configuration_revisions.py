"""Revisions of connection configurations, and trials of changed ones.

What stands now becomes each container's revision 1, dated by the last change. Console processes from before
this go on without: the next change that knows revisions notes first what it finds changed.
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE acp_connection_configuration_revision (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    container_id  uuid        NOT NULL,
    number        integer     NOT NULL,
    settings      jsonb       NOT NULL,
    changed       text[]      NOT NULL,
    actor         text        NOT NULL,
    reason        text        NOT NULL,
    at            timestamptz NOT NULL DEFAULT now(),
    reverted_from integer,
    bulk_id       uuid,
    CONSTRAINT pk_acp_connection_configuration_revision PRIMARY KEY (id),
    CONSTRAINT fk_acp_connection_configuration_revision_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE,
    CONSTRAINT uq_acp_connection_configuration_revision_container_id_number UNIQUE (container_id, number),
    CONSTRAINT ck_acp_connection_configuration_revision_number_positive CHECK (number > 0),
    CONSTRAINT ck_acp_connection_configuration_revision_reverted_from_earlier CHECK (
        reverted_from > 0 AND reverted_from < number)
);
CREATE INDEX ix_acp_connection_configuration_revision_actor
    ON acp_connection_configuration_revision (actor, id);
CREATE INDEX ix_acp_connection_configuration_revision_bulk_id
    ON acp_connection_configuration_revision (bulk_id, id) WHERE bulk_id IS NOT NULL;
CREATE TRIGGER acp_connection_configuration_revision_append_only
    BEFORE UPDATE ON acp_connection_configuration_revision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE acp_connection_configuration_trial (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    container_id uuid        NOT NULL,
    settings     jsonb       NOT NULL,
    changed      text[]      NOT NULL,
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    gateway_id   uuid,
    taken_at     timestamptz,
    finished_at  timestamptz,
    success      boolean,
    outcome      text,
    advice       text,
    found        jsonb,
    CONSTRAINT pk_acp_connection_configuration_trial PRIMARY KEY (id),
    CONSTRAINT fk_acp_connection_configuration_trial_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE,
    CONSTRAINT ck_acp_connection_configuration_trial_success_set_when_finished CHECK (
        (finished_at IS NULL) = (success IS NULL))
);
CREATE INDEX ix_acp_connection_configuration_trial_container_id
    ON acp_connection_configuration_trial (container_id, id);
CREATE UNIQUE INDEX uq_acp_connection_configuration_trial_one_open
    ON acp_connection_configuration_trial (container_id) WHERE finished_at IS NULL;
"""

# An id must say its time as the application's do (UUIDv7, RFC 9562, section 5.7), for it is the lists' order.
FIRST = """
INSERT INTO acp_connection_configuration_revision
    (id, container_id, number, settings, changed, actor, reason, at)
SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send(floor(extract(epoch FROM updated_at) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid,
    container_id, 1,
    to_jsonb(k) - ARRAY['id', 'container_id', 'created_at', 'updated_at'],
    '{}', 'console', 'as it stood when revisions began', updated_at
FROM acp_connection_configuration k;
"""

DOWN = """
DROP TABLE acp_connection_configuration_trial;
DROP TABLE acp_connection_configuration_revision;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FIRST)


def downgrade() -> None:
    op.execute(DOWN)
