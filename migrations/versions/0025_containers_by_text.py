"""Containers are found by a part of their name, image or owner by an index of trigrams; not all are read."""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_container_text ON container"
        " USING gin (name gin_trgm_ops, image gin_trgm_ops, owner gin_trgm_ops)"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_container_text")
