"""The third-party files for the browser: not in the repository, installed by `make setup`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from app.errors import MissingAsset

REQUIRED: Final = ("vendor/htmx.min.js", "vendor/ws.min.js")


def require(folder: Path | str) -> None:
    """Check that all files are in the static folder.

    Raises:
        MissingAsset: one is not there.
    """
    for name in REQUIRED:
        if not (Path(folder) / name).is_file():
            raise MissingAsset(f"static/{name} is missing")
