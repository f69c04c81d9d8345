"""Credentials by reference: read when dialling, for a target that has passed, and kept nowhere.

`env:NAME` is a variable that CONSOLE_CREDENTIAL_NAMES allows; `file:NAME` is a file under
CONSOLE_CREDENTIAL_DIR that only the gateway's user can read. Errors name the reference, never what it holds.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from app.errors import DialError, EndpointRefused
from app.protocol.reasons import Reason

if TYPE_CHECKING:
    from pathlib import Path

    from app.config import Settings

LARGEST: Final = 8 * 1024
"""Bytes: what servers commonly take of a header line."""
_NOT_BY_LINK: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_NOT_WAITING: Final = os.O_NONBLOCK  # for the writer of a pipe that somebody put there


def read(reference: str, settings: Settings) -> str:
    """Return the secret that a reference names, fit for a header. Blocks while it reads a file.

    Raises:
        EndpointRefused: the settings do not allow the reference.
        DialError: the secret cannot be had, or sent.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        if name not in settings.credential_names:
            raise EndpointRefused(Reason.CREDENTIAL_NAME.told(reference=reference))
        content = os.environb.get(name.encode(), b"")
    else:
        content = _of_file(reference, name, settings.credential_dir)
    return _checked(reference, content)


def _checked(reference: str, content: bytes) -> str:
    if len(content) > LARGEST:
        raise DialError(Reason.CREDENTIAL_SIZE.told(reference=reference, most=LARGEST))
    secret = content.strip()
    if not secret:
        raise DialError(Reason.CREDENTIAL_EMPTY.told(reference=reference))
    text = secret.decode("ascii", "replace")
    if not (text.isascii() and text.isprintable()):  # or it would end the header that it is sent in
        raise DialError(Reason.CREDENTIAL_FORM.told(reference=reference))
    return text


def _of_file(reference: str, name: str, folder: Path | None) -> bytes:
    if folder is None:
        raise EndpointRefused(Reason.CREDENTIAL_NO_FOLDER.told(reference=reference))
    try:
        root, path = folder.resolve(), (folder / name).resolve()
        if root not in path.parents:
            raise EndpointRefused(Reason.CREDENTIAL_OUTSIDE.told(reference=reference))
        descriptor = os.open(path, _NOT_BY_LINK | _NOT_WAITING)
        try:
            _check_file(reference, os.fstat(descriptor))
            return os.read(descriptor, LARGEST + 1)
        finally:
            os.close(descriptor)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        why = getattr(error, "strerror", None) or "its links lead in a circle"
        raise DialError(Reason.CREDENTIAL_UNREADABLE.told(reference=reference, why=why)) from error


def _check_file(reference: str, status: os.stat_result) -> None:
    """Refuse what others could have read, or written."""
    if not stat.S_ISREG(status.st_mode):
        raise DialError(Reason.CREDENTIAL_NO_FILE.told(reference=reference))
    if status.st_uid != os.geteuid():
        raise DialError(Reason.CREDENTIAL_OWNER.told(reference=reference))
    mode = stat.S_IMODE(status.st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DialError(Reason.CREDENTIAL_OPEN.told(reference=reference, mode=f"{mode:04o}"))
