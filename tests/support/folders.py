"""Folders for test databases: in memory where there is room, for a commit on disk takes 20 times as long.

PostgreSQL keeps its `fsync` there, which the gateway asks for. Tests kill processes, and no machine.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder with a name of its own is made in it
ROOM: Final = 4 * 2**30
"""Bytes that have to be free there: two workers with some databases each take less than one."""


@contextmanager
def database_folder(prefix: str) -> Iterator[Path]:
    """Yield a new folder, and remove it.

    Not in pytest's own temporary folder: that one closes itself to the server's user, who is not root.
    """
    fits = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if fits else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
