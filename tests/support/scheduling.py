"""Which worker of pytest-xdist runs which tests."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadFileScheduling

SHARING: Final = ("tests/browser/",)
"""Folders whose files share what takes long to start."""
WAITING: Final = (*SHARING, "tests/gateway/")
"""Folders whose tests wait more than they compute: run first, side by side, they leave each other room."""


class FolderScheduling(LoadFileScheduling):
    """Gives a worker whole files, as `--dist loadfile` does, and a folder that shares as if it were one."""

    def _split_scope(self, nodeid: str) -> str:
        sharing = (folder for folder in SHARING if nodeid.startswith(folder))
        return next(sharing, None) or super()._split_scope(nodeid)
