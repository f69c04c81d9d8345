"""How many containers each gateway is to hold: a pure rule, so that all gateways come to the same result."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

Member = TypeVar("Member", bound="uuid.UUID | int")


def shares(held: Mapping[Member, int], containers: int) -> dict[Member, int]:
    """Share out the containers among the gateways named in `held`, as evenly as whole numbers allow.

    Where they do not divide evenly, those that hold the most have one more than the others: so no container
    moves that need not. The shares add up to `containers`, and no two differ by more than one.
    """
    if not held:
        return {}
    least, left_over = divmod(containers, len(held))
    ranked = sorted(held, key=lambda member: (-held[member], member))
    return {member: least + (rank < left_over) for rank, member in enumerate(ranked)}
