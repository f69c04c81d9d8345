"""Incidents: what a link shows of some containers and some time, with notes; and indexes of prompts."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE incident (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    title       text        NOT NULL,
    reason      text        NOT NULL,
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    begins_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    filter      text        NOT NULL DEFAULT '',
    whole_fleet boolean     NOT NULL DEFAULT false,
    audience    text        NOT NULL DEFAULT 'signed_in',
    token_hash  text        NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    revoked_by  text,
    CONSTRAINT pk_incident PRIMARY KEY (id),
    CONSTRAINT uq_incident_token_hash UNIQUE (token_hash),
    CONSTRAINT ck_incident_audience_valid CHECK (audience IN ('signed_in', 'anyone')),
    CONSTRAINT ck_incident_ends_after_it_begins CHECK (ends_at > begins_at),
    CONSTRAINT ck_incident_revoked_by_somebody CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);

CREATE TABLE incident_container (
    incident_id  uuid NOT NULL,
    container_id uuid NOT NULL,
    CONSTRAINT pk_incident_container PRIMARY KEY (incident_id, container_id),
    CONSTRAINT fk_incident_container_incident_id FOREIGN KEY (incident_id)
        REFERENCES incident (id) ON DELETE CASCADE,
    CONSTRAINT fk_incident_container_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE
);
CREATE INDEX ix_incident_container_container_id ON incident_container (container_id);

CREATE TABLE incident_note (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    incident_id uuid        NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    author      text        NOT NULL,
    text        text        NOT NULL,
    CONSTRAINT pk_incident_note PRIMARY KEY (id),
    CONSTRAINT fk_incident_note_incident_id FOREIGN KEY (incident_id)
        REFERENCES incident (id) ON DELETE CASCADE
);
CREATE INDEX ix_incident_note_incident_id ON incident_note (incident_id, id);

CREATE INDEX ix_acp_message_prompt ON acp_message (id)
    WHERE method = 'session/prompt' AND rpc_kind = 'request';
CREATE INDEX ix_acp_message_prompt_session ON acp_message (acp_session_id, id)
    WHERE method = 'session/prompt' AND rpc_kind = 'request';
"""

DOWN = """
DROP INDEX ix_acp_message_prompt_session;
DROP INDEX ix_acp_message_prompt;
DROP TABLE incident_note;
DROP TABLE incident_container;
DROP TABLE incident;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
