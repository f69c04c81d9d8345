"""Who may open an incident's link."""

from __future__ import annotations

from enum import StrEnum


class Audience(StrEnum):
    """Incident.audience: people who are signed in and may read, or anyone who has the link."""

    SIGNED_IN = "signed_in"
    ANYONE = "anyone"
