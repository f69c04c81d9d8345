"""What a database's catalogs say of its schema, as lines of text that a test can compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import psycopg

# Keys that Alembic and PostgreSQL keep for themselves are left out.
OURS: Final = "{table}.relnamespace = 'public'::regnamespace AND {table}.relname NOT LIKE 'alembic_version%'"

STRUCTURE: Final = (
    f"""
    SELECT concat_ws(' ', 'table', relname, reloptions::text) FROM pg_class t
    WHERE relkind = 'r' AND {OURS.format(table="t")}
    """,
    f"""
    SELECT concat_ws(' ', 'column', t.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnotnull THEN 'not null' END, 'default ' || pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND t.relkind = 'r' AND {OURS.format(table="t")}
    """,
    # NOT NULL is the column's; PostgreSQL 18 lists it here, too.
    f"""
    SELECT concat_ws(' ', 'constraint', t.relname, c.conname, pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    WHERE c.contype IN ('c', 'f', 'p', 'u', 'x') AND {OURS.format(table="t")}
    """,
    f"""
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE {OURS.format(table="t")}
    """,
)

BEHAVIOUR: Final = (
    f"""
    SELECT pg_get_triggerdef(g.oid) FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
    WHERE NOT g.tgisinternal AND {OURS.format(table="t")}
    """,
    "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
)


def structure(connection: psycopg.Connection) -> set[str]:
    """Tables, columns, constraints and indexes: what SQLAlchemy's models describe."""
    return _lines(connection, STRUCTURE)


def schema(connection: psycopg.Connection) -> set[str]:
    """The structure, and the triggers with their functions."""
    return _lines(connection, STRUCTURE + BEHAVIOUR)


def _lines(connection: psycopg.Connection, queries: tuple[str, ...]) -> set[str]:
    return {line for query in queries for (line,) in connection.execute(query.encode())}
