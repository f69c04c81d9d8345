"""Which worker of pytest-xdist runs which tests."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadFileScheduling

SHARING: Final = ("tests/browser/", "tests/gateway/test_firewall.py")
"""What one worker runs, one after the other.

The browser's files share what takes long to start, and Chromium gives up every request under way when this
machine gets a new network, as the firewall's does.
"""
WAITING: Final = ("tests/browser/", "tests/gateway/")
"""Folders whose tests wait more than they compute: run first, side by side, they leave each other room."""


class SharingScheduling(LoadFileScheduling):
    """Gives a worker whole files, as `--dist loadfile` does, and those that share as if they were one."""

    def _split_scope(self, nodeid: str) -> str:
        return SHARING[0] if nodeid.startswith(SHARING) else super()._split_scope(nodeid)
