"""Notes at moments, which every plot that covers the moment shows."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE plot_note (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    at           timestamptz NOT NULL,
    kind         text        NOT NULL,
    text         text        NOT NULL,
    link         text,
    container_id uuid,
    author       text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_plot_note PRIMARY KEY (id),
    CONSTRAINT fk_plot_note_container_id FOREIGN KEY (container_id)
        REFERENCES container (id) ON DELETE CASCADE,
    CONSTRAINT ck_plot_note_kind_valid CHECK (kind IN ('deploy', 'ticket', 'other')),
    CONSTRAINT ck_plot_note_text_one_line CHECK (
        length(text) BETWEEN 1 AND 200 AND text !~ '[[:cntrl:]]'),
    CONSTRAINT ck_plot_note_link_valid CHECK (
        length(link) <= 500 AND link ~* '^https?://[^/?#@[:space:]]+([/?#][^[:space:]]*)?$')
);
CREATE INDEX ix_plot_note_at ON plot_note (at, id);
CREATE INDEX ix_plot_note_container_id ON plot_note (container_id, at, id);
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("DROP TABLE plot_note")
