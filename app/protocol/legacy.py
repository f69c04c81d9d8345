"""Where the dialect of HTTP containers, protocol 0.3, differs from ACP (wire.md: HTTP, the old protocol)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.protocol.frames import RpcKind, as_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.protocol.frames import Frame


def to_legacy(frame: Frame, next_raw_id: Callable[[], str]) -> Frame:
    """Translate a frame to the container: `session/cancel` becomes the request `cancel`, the rest stays.

    `next_raw_id` is called only for a frame that needs an id of the gateway's.
    """
    if frame.kind is RpcKind.NOTIFICATION and frame.method == "session/cancel":
        return as_request(frame, next_raw_id(), "cancel")
    return frame
