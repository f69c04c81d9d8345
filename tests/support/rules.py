"""Statements that break the data model's rules, each with the name of the rule that refuses it."""

from __future__ import annotations

ID = "CREATE FUNCTION id(n int) RETURNS uuid IMMUTABLE LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid"
"""`id(n)` is the uuid that ends in n."""

# Container 1 speaks both protocols and is on ACP over connection 11; 12 is a former one. Container 2 speaks
# HTTP only. Container 1 has a finished protocol migration, container 2 has one under way.
FIXTURE = """
INSERT INTO container (id, name, endpoint_url, supported_protocols) VALUES
    (id(1), 'both', 'http://127.0.0.1:1', '{http,acp}'), (id(2), 'plain', 'http://127.0.0.1:2', '{http}');
INSERT INTO acp_connection (id, connection_id, container_id, status, version) VALUES
    (id(11), 'k-11', id(1), 'connected', '1.0.0'), (id(12), 'k-12', id(1), 'disconnected', '1.0.0'),
    (id(21), 'k-21', id(2), 'connected', '0.3.1');
INSERT INTO acp_message (id, connection_id, direction, message_type, size)
    VALUES (id(111), id(11), 'inbound', 'event', 1);
INSERT INTO protocol_migration (id, container_id, from_protocol, to_protocol, completed_at, success, phase)
    VALUES (id(13), id(1), 'http', 'acp', now() + interval '1 s', true, 'completed');
INSERT INTO protocol_migration (id, container_id, from_protocol, to_protocol)
    VALUES (id(23), id(2), 'http', 'acp');
INSERT INTO audit_event (actor, action, subject_type, subject_id) VALUES ('ann', 'did', 'container', id(1));
INSERT INTO container_session (id, container_id, protocol_type, acp_connection_id)
    VALUES (id(14), id(1), 'acp', id(11)), (id(22), id(2), 'http', NULL);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
"""

CONNECTION = "INSERT INTO acp_connection (connection_id, container_id, status, version) VALUES"
MESSAGE = "INSERT INTO acp_message (connection_id, direction, message_type, size) VALUES"
TIMED = MESSAGE.replace("size)", "size, processing_time)")
MIGRATION = "INSERT INTO protocol_migration (container_id, from_protocol, to_protocol) VALUES"
CONTAINER = "INSERT INTO container (name, endpoint_url, supported_protocols, preferred_protocol) VALUES"
ACTION = "INSERT INTO connection_action (container_id, kind, reason, requested_by) VALUES"
REVISION = (
    "INSERT INTO acp_connection_configuration_revision"
    " (container_id, number, settings, changed, actor, reason, reverted_from) VALUES"
)
FIRST = "(id(1), 1, '{}', '{}', 'ann', 'r', NULL)"
TRIAL = (
    "INSERT INTO acp_connection_configuration_trial (container_id, settings, changed, requested_by) VALUES"
)
ROLLOUT = "INSERT INTO rollout (id, name, to_protocol, plan, reason, digest, created_by) VALUES"
ONE_ROLLOUT = f"{ROLLOUT} (id(51), 'r', 'acp', '{{}}', 'r', '', 'ann')"
WAVE = f"{ONE_ROLLOUT}; INSERT INTO rollout_wave (rollout_id, number, state) VALUES"
PART = f"{ONE_ROLLOUT}; INSERT INTO rollout_container (rollout_id, container_id, name, wave, position) VALUES"
DELIVERY = (
    f"{ONE_ROLLOUT}; INSERT INTO webhook_delivery (rollout_id, event, body) VALUES (id(51), 'e', '{{}}')"
)
PREFLIGHT = "INSERT INTO protocol_preflight (container_id, to_protocol, requested_by) VALUES"
FINISH_TRIAL = "UPDATE acp_connection_configuration_trial SET finished_at = now()"
FINISH = "UPDATE connection_action SET finished_at = now()"
TWO_HOLDS = (
    f"{ACTION} (id(1), 'disconnect', 'r', 'ann'); {FINISH}, success = true;"
    f" {ACTION} (id(1), 'disconnect', 'r', 'bob')"
)
COUNTED = "(step, at, message_type, direction, method, bin, messages, errors, bytes,"
INCIDENT = (
    "INSERT INTO incident (title, reason, created_by, begins_at, ends_at, audience, token_hash, expires_at,"
    " revoked_at) VALUES"
)
PLOT_NOTE = "INSERT INTO plot_note (kind, text, link, container_id, at, author) VALUES"

BROKEN = [
    # AcpConnection
    (f"{CONNECTION} ('new', id(1), 'lost', '1.0.0')", "ck_acp_connection_status_valid"),
    ("UPDATE acp_connection SET status = 'lost'", "ck_acp_connection_status_valid"),
    (f"{CONNECTION} ('new', id(1), 'disconnected', '1')", "ck_acp_connection_version_semver"),
    (f"{CONNECTION} ('new', id(9), 'disconnected', '1.0.0')", "fk_acp_connection_container_id"),
    (f"{CONNECTION} ('k-11', id(2), 'disconnected', '1.0.0')", "uq_acp_connection_connection_id"),
    (f"{CONNECTION} ('new', id(1), 'connected', '1.0.0')", "uq_acp_connection_one_active"),
    (f"{CONNECTION} ('new', id(1), 'error', '1.0.0')", "uq_acp_connection_one_active"),
    (f"{CONNECTION} ('new', id(1), 'reconnecting', '1.0.0')", "uq_acp_connection_one_active"),
    ("UPDATE acp_connection SET status = 'connected'", "uq_acp_connection_one_active"),
    ("UPDATE acp_connection SET status = 'reconnecting' WHERE id = id(11)", "acp_connection_status_move"),
    ("UPDATE acp_connection SET error_count = -1", "ck_acp_connection_error_count_not_negative"),
    ("UPDATE acp_connection SET reconnect_count = -1", "ck_acp_connection_reconnect_count_not_negative"),
    # ContainerSession
    ("UPDATE container_session SET protocol_type = 'ftp'", "ck_container_session_protocol_type_valid"),
    ("UPDATE container_session SET acp_connection_id = NULL", "ck_container_session_acp_has_connection"),
    ("DELETE FROM acp_connection WHERE id = id(11)", "ck_container_session_acp_has_connection"),
    (
        "UPDATE container_session SET protocol_type = 'acp' WHERE container_id = id(2)",
        "ck_container_session_acp_has_connection",
    ),
    (
        "UPDATE container_session SET (protocol_type, acp_connection_id) = ('acp', id(21)) WHERE id = id(22)",
        "container_session_protocol_supported",
    ),
    (
        "UPDATE container_session SET acp_connection_id = id(21) WHERE container_id = id(1)",
        "fk_container_session_acp_connection",
    ),
    (
        "UPDATE acp_connection SET container_id = id(2), status = 'disconnected' WHERE id = id(11)",
        "fk_container_session_acp_connection",
    ),
    ("INSERT INTO container_session (container_id) VALUES (id(1))", "uq_container_session_container_id"),
    ("INSERT INTO container_session (container_id) VALUES (id(9))", "fk_container_session_container_id"),
    ("DELETE FROM container_session", "container_keeps_session"),
    # AcpMessage
    (f"{MESSAGE} (id(11), 'sideways', 'event', 1)", "ck_acp_message_direction_valid"),
    (f"{MESSAGE} (id(11), 'inbound', 'gossip', 1)", "ck_acp_message_message_type_valid"),
    (f"{MESSAGE} (id(11), 'inbound', 'event', 0)", "ck_acp_message_size_positive"),
    (f"{MESSAGE} (id(11), 'inbound', 'event', -1)", "ck_acp_message_size_positive"),
    (f"{MESSAGE} (id(9), 'inbound', 'event', 1)", "fk_acp_message_connection_id"),
    (
        f"{TIMED} (id(11), 'inbound', 'event', 1, -1)",
        "ck_acp_message_processing_time_not_negative",
    ),
    ("UPDATE acp_message SET payload = '{}'", "acp_message_append_only"),
    # Container
    (f"{CONTAINER} ('new', 'http://h', '{{http,ftp}}', 'http')", "ck_container_supported_protocols_valid"),
    (f"{CONTAINER} ('new', 'http://h', '{{http,NULL}}', 'http')", "ck_container_supported_protocols_valid"),
    (f"{CONTAINER} ('new', 'http://h', '{{acp,acp}}', 'acp')", "ck_container_supported_protocols_distinct"),
    (f"{CONTAINER} ('new', 'http://h', '{{http}}', 'acp')", "ck_container_preferred_protocol_supported"),
    (f"{CONTAINER} ('new', 'http://h', '{{}}', 'http')", "ck_container_preferred_protocol_supported"),
    (f"{CONTAINER} ('both', 'http://h', '{{http}}', 'http')", "uq_container_name"),
    ("UPDATE container SET status = 'lost'", "ck_container_status_valid"),
    ("UPDATE container SET supported_protocols = '{http}'", "container_protocol_in_use"),
    # ProtocolMigration
    (f"{MIGRATION} (id(1), 'ftp', 'acp')", "ck_protocol_migration_from_protocol_valid"),
    (f"{MIGRATION} (id(1), 'http', 'ftp')", "ck_protocol_migration_to_protocol_valid"),
    (f"{MIGRATION} (id(9), 'http', 'acp')", "fk_protocol_migration_container_id"),
    (f"{MIGRATION} (id(2), 'http', 'acp')", "uq_protocol_migration_one_open"),
    (
        "UPDATE protocol_migration SET completed_at = started_at, success = true",
        "ck_protocol_migration_completed_after_started",
    ),
    (
        "UPDATE protocol_migration SET completed_at = now() + interval '1 s', success = NULL",
        "ck_protocol_migration_success_set_when_completed",
    ),
    ("UPDATE protocol_migration SET attempt_count = 0", "ck_protocol_migration_attempt_count_positive"),
    ("UPDATE protocol_migration SET phase = 'dreaming'", "ck_protocol_migration_phase_valid"),
    ("UPDATE protocol_migration SET strategy = 'soon'", "ck_protocol_migration_strategy_valid"),
    ("UPDATE protocol_migration SET drain_seconds = -1", "ck_protocol_migration_drain_seconds_valid"),
    ("UPDATE protocol_migration SET strategy = 'scheduled'", "ck_protocol_migration_scheduled_has_time"),
    ("UPDATE protocol_migration SET scheduled_at = now()", "ck_protocol_migration_scheduled_has_time"),
    (
        "UPDATE protocol_migration SET switch_asked_at = now()",
        "ck_protocol_migration_switch_asked_by_somebody",
    ),
    (
        "UPDATE protocol_migration SET cancel_asked_at = now()",
        "ck_protocol_migration_cancel_asked_by_somebody",
    ),
    (
        "UPDATE protocol_migration SET phase = 'verifying' WHERE id = id(23)",
        "protocol_migration_phase_move",
    ),
    # AcpConnectionConfiguration
    (
        "UPDATE acp_connection_configuration SET reconnect_delay = 0",
        "ck_acp_connection_configuration_reconnect_delay_valid",
    ),
    (
        "UPDATE acp_connection_configuration SET reconnect_delay = -1",
        "ck_acp_connection_configuration_reconnect_delay_valid",
    ),
    (
        "UPDATE acp_connection_configuration SET reconnect_delay = max_reconnect_delay + 1",
        "ck_acp_connection_configuration_reconnect_delay_valid",
    ),
    (
        "UPDATE acp_connection_configuration SET encryption_level = 'some'",
        "ck_acp_connection_configuration_encryption_level_valid",
    ),
    (
        "UPDATE acp_connection_configuration SET max_reconnect_attempts = -1",
        "ck_acp_connection_configuration_max_reconnect_attempts_valid",
    ),
    (
        "UPDATE acp_connection_configuration SET idle_timeout = 0",
        "ck_acp_connection_configuration_idle_timeout_positive",
    ),
    (
        "UPDATE acp_connection_configuration SET keep_alive_interval = 0",
        "ck_acp_connection_configuration_keep_alive_interval_positive",
    ),
    (
        "INSERT INTO acp_connection_configuration (container_id) VALUES (id(1))",
        "uq_acp_connection_configuration_container_id",
    ),
    ("DELETE FROM acp_connection_configuration", "container_keeps_configuration"),
    # Beside the model
    (f"{ACTION} (id(1), 'restart', 'r', 'ann')", "ck_connection_action_kind_valid"),
    (f"{ACTION} (id(9), 'probe', 'r', 'ann')", "fk_connection_action_container_id"),
    (f"{ACTION} (id(1), 'probe', 'r', 'ann'), (id(1), 'probe', 'r', 'bob')", "uq_connection_action_one_open"),
    (TWO_HOLDS, "uq_connection_action_one_hold"),
    (
        f"{ACTION} (id(1), 'probe', 'r', 'ann'); {FINISH}",
        "ck_connection_action_success_set_when_finished",
    ),
    (
        f"{ACTION} (id(1), 'probe', 'r', 'ann'); UPDATE connection_action SET released_at = now()",
        "ck_connection_action_only_a_disconnect_is_released",
    ),
    (
        f"{REVISION} (id(1), 0, '{{}}', '{{}}', 'ann', 'r', NULL)",
        "ck_acp_connection_configuration_revision_number_positive",
    ),
    (
        f"{REVISION} (id(1), 2, '{{}}', '{{}}', 'ann', 'r', 2)",
        "ck_acp_connection_configuration_revision_reverted_from_earlier",
    ),
    (
        f"{REVISION} {FIRST}, {FIRST}",
        "uq_acp_connection_configuration_revision_container_id_number",
    ),
    (
        f"{REVISION} (id(9), 1, '{{}}', '{{}}', 'ann', 'r', NULL)",
        "fk_acp_connection_configuration_revision_container_id",
    ),
    (
        "UPDATE acp_connection_configuration_revision SET actor = 'bob'",
        "acp_connection_configuration_revision_append_only",
    ),
    (
        f"{TRIAL} (id(1), '{{}}', '{{}}', 'ann'), (id(1), '{{}}', '{{}}', 'bob')",
        "uq_acp_connection_configuration_trial_one_open",
    ),
    (
        f"{TRIAL} (id(1), '{{}}', '{{}}', 'ann'); {FINISH_TRIAL}",
        "ck_acp_connection_configuration_trial_success_set_when_finished",
    ),
    (f"{ROLLOUT} (id(51), 'r', 'gopher', '{{}}', 'r', '', 'ann')", "ck_rollout_to_protocol_valid"),
    (f"{ONE_ROLLOUT}; UPDATE rollout SET state = 'lost'", "ck_rollout_state_valid"),
    (f"{ONE_ROLLOUT}; UPDATE rollout SET state = 'completed'", "rollout_state_move"),
    (f"{WAVE} (id(51), 0, 'waiting')", "ck_rollout_wave_number_positive"),
    (f"{WAVE} (id(51), 1, 'lost')", "ck_rollout_wave_state_valid"),
    (f"{WAVE} (id(51), 1, 'baking')", "ck_rollout_wave_baking_since"),
    (f"{WAVE} (id(51), 1, 'waiting'); UPDATE rollout_wave SET state = 'passed'", "rollout_wave_state_move"),
    (f"{WAVE} (id(52), 1, 'waiting')", "fk_rollout_wave_rollout_id"),
    (f"{PART} (id(51), id(1), 'both', NULL, 0)", "ck_rollout_container_wave_unless_left_out"),
    (
        f"{PART} (id(51), id(1), 'both', 1, 0); UPDATE rollout_container SET attempts = -1",
        "ck_rollout_container_attempts_not_negative",
    ),
    (
        f"{PART} (id(51), id(1), 'both', 1, 0); UPDATE rollout_container SET state = 'lost'",
        "ck_rollout_container_state_valid",
    ),
    (
        f"{PART} (id(51), id(1), 'both', 1, 0); UPDATE rollout_container SET state = 'completed'",
        "rollout_container_state_move",
    ),
    (f"{PART} (id(51), id(1), 'both', 1, 0), (id(51), id(1), 'both', 1, 1)", "uq_rollout_container_once"),
    (
        f"{PART} (id(51), id(1), 'both', 1, 0), (id(51), id(2), 'plain', 1, 0)",
        "uq_rollout_container_position",
    ),
    (f"{PART} (id(51), id(9), 'none', 1, 0)", "fk_rollout_container_container_id"),
    (f"{DELIVERY}; UPDATE webhook_delivery SET attempts = -1", "ck_webhook_delivery_attempts_not_negative"),
    (
        f"{DELIVERY}; UPDATE webhook_delivery SET delivered_at = now(), given_up_at = now()",
        "ck_webhook_delivery_one_end",
    ),
    (f"{PREFLIGHT} (id(1), 'acp', 'ann'), (id(1), 'http', 'bob')", "uq_protocol_preflight_one_open"),
    (f"{PREFLIGHT} (id(1), 'gopher', 'ann')", "ck_protocol_preflight_to_protocol_valid"),
    (f"{PREFLIGHT} (id(9), 'acp', 'ann')", "fk_protocol_preflight_container_id"),
    (
        f"{PREFLIGHT} (id(1), 'acp', 'ann'); UPDATE protocol_preflight SET verdict = 'pass'",
        "ck_protocol_preflight_verdict_set_when_completed",
    ),
    (
        (
            f"{PREFLIGHT} (id(1), 'acp', 'ann');"
            " UPDATE protocol_preflight SET verdict = 'x', completed_at = now()"
        ),
        "ck_protocol_preflight_verdict_valid",
    ),
    (
        f"{PREFLIGHT} (id(1), 'acp', 'ann'); UPDATE protocol_preflight SET migration_id = id(9)",
        "fk_protocol_preflight_migration_id",
    ),
    (
        "INSERT INTO container_presence (container_id, epoch, callers) VALUES (id(1), 1, -1)",
        "ck_container_presence_not_negative",
    ),
    (
        "INSERT INTO container_presence (container_id, epoch) VALUES (id(9), 1)",
        "fk_container_presence_container_id",
    ),
    (
        (
            f"INSERT INTO message_rollup {COUNTED} connection_id)"
            " VALUES (7, now(), 'event', 'inbound', '', 0, 1, 0, 1, id(11))"
        ),
        "ck_message_rollup_step_valid",
    ),
    (
        (
            f"INSERT INTO fleet_rollup {COUNTED} transport)"
            " VALUES (7, now(), 'event', 'inbound', '', 0, 1, 0, 1, 'acp')"
        ),
        "ck_fleet_rollup_step_valid",
    ),
    (
        (
            "INSERT INTO acp_connection_transition (connection_id, from_status, to_status, reason, closed_by)"
            " VALUES (id(11), 'connected', 'error', 'r', 'nobody')"
        ),
        "ck_acp_connection_transition_closed_by_valid",
    ),
    (
        f"{INCIDENT} ('t', 'r', 'ann', now(), now() + interval '1 h', 'all', 'h', now(), NULL)",
        "ck_incident_audience_valid",
    ),
    (
        f"{INCIDENT} ('t', 'r', 'ann', now(), now(), 'anyone', 'h', now(), NULL)",
        "ck_incident_ends_after_it_begins",
    ),
    (
        f"{INCIDENT} ('t', 'r', 'ann', now(), now() + interval '1 h', 'anyone', 'h', now(), now())",
        "ck_incident_revoked_by_somebody",
    ),
    (
        "INSERT INTO saved_view (owner_id, noun, name, query) VALUES (id(1), 'n', 'v', repeat('x', 2001))",
        "ck_saved_view_query_length",
    ),
    (
        (
            "INSERT INTO fleet_action (kind, reason, requested_by, asked, left_out)"
            " VALUES ('restart', 'r', 'ann', 1, '{}')"
        ),
        "ck_fleet_action_kind_valid",
    ),
    (f"{PLOT_NOTE} ('release', 'release 4.2', NULL, NULL, now(), 'ann')", "ck_plot_note_kind_valid"),
    (f"{PLOT_NOTE} ('deploy', '', NULL, NULL, now(), 'ann')", "ck_plot_note_text_one_line"),
    (f"{PLOT_NOTE} ('deploy', repeat('x', 201), NULL, NULL, now(), 'ann')", "ck_plot_note_text_one_line"),
    (f"{PLOT_NOTE} ('deploy', e'two\\nlines', NULL, NULL, now(), 'ann')", "ck_plot_note_text_one_line"),
    (f"{PLOT_NOTE} ('deploy', 'x', 'javascript:alert(1)', NULL, now(), 'ann')", "ck_plot_note_link_valid"),
    (f"{PLOT_NOTE} ('deploy', 'x', 'https://ann:secret@h/', NULL, now(), 'ann')", "ck_plot_note_link_valid"),
    (
        f"{PLOT_NOTE} ('deploy', 'x', 'https://h/' || repeat('x', 500), NULL, now(), 'ann')",
        "ck_plot_note_link_valid",
    ),
    (f"{PLOT_NOTE} ('deploy', 'x', NULL, id(9), now(), 'ann')", "fk_plot_note_container_id"),
    ("UPDATE audit_event SET actor = 'bob'", "audit_event_append_only"),
    ("DELETE FROM audit_event", "audit_event_append_only"),
    ("TRUNCATE audit_event", "audit_event_append_only"),
]
