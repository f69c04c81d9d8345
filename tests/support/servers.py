"""An embedded PostgreSQL that dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from app.postgres import Server


def kill_server(server: Server) -> None:
    """End the server and all its processes as a power cut does."""
    postmaster = psutil.Process(int((server.folder / "postmaster.pid").read_text().split()[0]))
    postmaster.suspend()  # or it would start another child between the list and the kill, which keeps
    eventually(postmaster.status, psutil.STATUS_STOPPED.__eq__)  # the next server from the shared memory
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.kill()
    assert psutil.wait_procs(processes, PATIENCE)[1] == []
