"""The embedded PostgreSQL: shared by its users, gone with the last one, however they went."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from app.config import Settings
from app.embedded import DatabaseAddress, embedded_database
from app.errors import DatabaseUnavailable
from tests.support.gateways import ROOT
from tests.support.servers import kill_server
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from app.postgres import Server

USER = """
import sys
from pathlib import Path
from app.embedded import embedded_database
with embedded_database(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def user_process(data_dir: Path) -> subprocess.Popen[str]:
    """Start another process that uses the database; it does so when it has printed the URL."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def answers(url: str) -> bool:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


def test_the_last_of_two_users_stops_it_and_the_data_stays(data_dir: Path, server: Server) -> None:
    with embedded_database(data_dir) as url:
        with embedded_database(data_dir) as other_url, psycopg.connect(other_url) as connection:
            assert other_url == url
            connection.execute("CREATE TABLE kept AS SELECT 42 AS number")
        assert answers(url)
    assert server.state() == "stopped"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    with embedded_database(data_dir) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (42,)


def test_it_outlives_a_killed_user_while_another_uses_it(data_dir: Path, server: Server) -> None:
    with user_process(data_dir) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with embedded_database(data_dir) as url:
            process.kill()
            process.wait(PATIENCE)
            assert answers(url)
        assert server.state() == "stopped"


def test_it_ends_when_its_only_user_was_killed(data_dir: Path, server: Server) -> None:
    with user_process(data_dir) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert answers(url)
        process.kill()
    eventually(server.state, "stopped".__eq__)


def test_what_was_committed_outlives_a_killed_server(data_dir: Path, server: Server) -> None:
    with embedded_database(data_dir) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE saved AS SELECT 42 AS number")
        kill_server(server)
    with embedded_database(data_dir) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM saved").fetchone() == (42,)


def test_a_stranger_with_the_dead_server_s_number_does_not_keep_it_from_starting(
    data_dir: Path, server: Server
) -> None:
    with embedded_database(data_dir):
        kill_server(server)
        pid_file = server.folder / "postmaster.pid"
        _, *lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(os.getpid()), *lines]))
    with embedded_database(data_dir) as url:
        assert answers(url)


def test_the_watcher_leaves_a_stranger_with_the_dead_server_s_number_alone(
    data_dir: Path, server: Server
) -> None:
    """Its last user was killed too, so that nobody but the watcher looks at the stale file."""
    stranger = subprocess.Popen(["sleep", "600"], user=server._user)
    try:
        with user_process(data_dir) as process:
            assert process.stdout is not None
            process.stdout.readline()
            watcher = _watcher(data_dir)
            kill_server(server)
            pid_file = server.folder / "postmaster.pid"
            _, *lines = pid_file.read_text().splitlines()
            pid_file.write_text("\n".join([str(stranger.pid), *lines]))
            process.kill()
        watcher.wait(PATIENCE)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def _watcher(data_dir: Path) -> psutil.Process:
    lock = str(data_dir.resolve() / "postgres.lock")
    (found,) = [each for each in psutil.process_iter() if lock in _command(each)]
    return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended meanwhile
        return []


def test_a_server_that_does_not_start_says_why(data_dir: Path, server: Server) -> None:
    with embedded_database(data_dir):
        pass
    configuration = server.folder / "postgresql.conf"
    good = configuration.read_text()
    configuration.write_text(f"{good}max_connections = many\n")
    try:
        with pytest.raises(DatabaseUnavailable, match='invalid value for parameter "max_connections"'):
            embedded_database(data_dir).__enter__()
    finally:
        configuration.write_text(good)


def test_too_deep_a_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*(["a-rather-long-name"] * 5))
    with pytest.raises(DatabaseUnavailable, match="set CONSOLE_DATA_DIR shorter"):
        embedded_database(deep).__enter__()


def test_an_address_starts_one_server_for_all_threads_and_lets_go_of_it(
    data_dir: Path, server: Server
) -> None:
    address = DatabaseAddress(Settings(data_dir=data_dir))
    assert server.state() == "stopped"  # nothing is started before somebody asks
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: address.url(), range(8)))) == 1
    address.connect().close()
    address.close()
    assert server.state() == "stopped"
    assert answers(address.url())
    address.close()


def test_a_given_address_is_used_as_it_is(database_url: str, tmp_path: Path) -> None:
    address = DatabaseAddress(Settings(database_url=database_url, data_dir=tmp_path))
    assert address.url() == database_url
    address.close()
    assert answers(address.url())
    assert list(tmp_path.iterdir()) == []


def test_its_connections_are_planned_for_until_they_end(database_url: str, tmp_path: Path) -> None:
    with DatabaseAddress(Settings(database_url=database_url, data_dir=tmp_path)).connect() as connection:
        assert connection.info.transaction_status is TransactionStatus.IDLE
        connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SHOW random_page_cost").fetchone() == ("1.1",)
