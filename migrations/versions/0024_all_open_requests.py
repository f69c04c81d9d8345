"""What waits for an answer is kept whole: whatever callers ask of agents, too, health requests left out.

So it is found without looking through the last requests of each connection, however many came after it. The
index of agents' requests, by which they were looked through, is needed no longer.
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TRIGGERS = """
DROP TRIGGER acp_open_request_begin ON acp_message;
DROP TRIGGER acp_open_request_end ON acp_message;
CREATE TRIGGER acp_open_request_begin AFTER INSERT ON acp_message
    FOR EACH ROW WHEN (NEW.rpc_kind = 'request' AND (NEW.direction = 'inbound' OR {kept}))
    EXECUTE FUNCTION acp_open_request_begin();
CREATE TRIGGER acp_open_request_end AFTER INSERT ON acp_message
    FOR EACH ROW WHEN (NEW.reply_to IS NOT NULL AND (NEW.direction = 'outbound' OR {kept}))
    EXECUTE FUNCTION acp_open_request_end();
"""
ALL = TRIGGERS.format(kept="NEW.method IS DISTINCT FROM '_console/ping'")
PROMPTS = TRIGGERS.format(kept="NEW.method = 'session/prompt'")

# By the index of callers' requests, word for word as it has it.
FIND = """
INSERT INTO acp_open_request (id, connection_id, direction, method)
SELECT id, connection_id, direction, method FROM acp_message asked
WHERE direction = 'outbound' AND rpc_kind = 'request' AND method <> '_console/ping'
    AND method <> 'session/prompt'
    AND NOT EXISTS (SELECT FROM acp_message answer WHERE answer.reply_to = asked.id);
"""
FORGET = """
DELETE FROM acp_open_request WHERE direction = 'outbound' AND method IS DISTINCT FROM 'session/prompt';
"""
UNNEEDED = "DROP INDEX ix_acp_message_agent_request;"
NEEDED = """
CREATE INDEX ix_acp_message_agent_request ON acp_message (connection_id, id)
    WHERE direction = 'inbound' AND rpc_kind = 'request';
"""


def upgrade() -> None:
    for statements in (ALL, FIND, UNNEEDED):
        op.execute(statements)


def downgrade() -> None:
    for statements in (PROMPTS, FORGET, NEEDED):
        op.execute(statements)
