"""Revisions of configurations by the fields that they change, an index a field, in the order of the list.

The index before found those that change a field, but not in an order: for a page of fifty, PostgreSQL took
the order's index and looked through all revisions for a field that is hardly ever changed.
"""

from __future__ import annotations

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLE = "acp_connection_configuration_revision"
FIELDS = (
    *("max_reconnect_attempts", "reconnect_delay", "max_reconnect_delay", "idle_timeout"),
    *("keep_alive_interval", "compression_enabled", "encryption_level", "enable_bulk_operations"),
    *("enable_status_events", "enable_metrics"),
)


def upgrade() -> None:
    for field in FIELDS:
        op.execute(f"CREATE INDEX ix_{TABLE}_{field} ON {TABLE} (id) WHERE changed @> ARRAY['{field}']")
    op.execute(f"DROP INDEX ix_{TABLE}_changed")


def downgrade() -> None:
    op.execute(f"CREATE INDEX ix_{TABLE}_changed ON {TABLE} USING gin (changed)")
    for field in FIELDS:
        op.execute(f"DROP INDEX ix_{TABLE}_{field}")
