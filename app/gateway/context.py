"""What every supervisor shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.gateway.turns import Turns

if TYPE_CHECKING:
    import random
    import uuid
    from collections.abc import Sequence

    from app.config import Settings
    from app.gateway.database import Database
    from app.gateway.metrics import Metrics
    from app.gateway.presence import Presence
    from app.gateway.recorder import Recorder
    from app.gateway.snapshot import Snapshot
    from app.gateway.tenure import Tenure
    from app.gateway.together import Together
    from app.gateway.vitals import Vitals
    from app.services.adoptions import Adoption, Left
    from app.services.connection_moves import Move
    from app.services.connection_openings import Opening


@dataclass(frozen=True, slots=True)
class Context:
    """The gateway's means: one of each in a process."""

    settings: Settings
    database: Database
    recorder: Recorder
    vitals: Vitals
    presence: Presence
    metrics: Metrics
    gateway_id: uuid.UUID
    tenure: Tenure
    random: random.Random
    snapshots: Together[uuid.UUID, Snapshot | None]
    moves: Together[Move, bool]
    openings: Together[Opening, uuid.UUID | None]
    adoptions: Together[Adoption, Sequence[Left] | None]
    sequences: Together[uuid.UUID, bool]
    turns: Turns = field(default_factory=Turns)
