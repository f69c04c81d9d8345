"""A network namespace with a firewall: a container on a host of its own, whose packets can be dropped."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

NETWORK, HERE, THERE = "10.203.77.0/30", "10.203.77.1", "10.203.77.2"
NEEDED = ("ip", "nft")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A host beside this one, at the address `host`."""

    name: str
    host: str = THERE

    @property
    def enter(self) -> tuple[str, ...]:
        """The command by which another runs there."""
        return ("ip", "netns", "exec", self.name)

    def drop(self) -> None:
        """Drop every packet in and out, without a word to either side."""
        _run(*self.enter, "nft", "add table inet console")
        for hook in ("input", "output"):
            chain = f"{{ type filter hook {hook} priority 0; policy drop; }}"
            _run(*self.enter, "nft", f"add chain inet console {hook} {chain}")

    def pass_on(self) -> None:
        """Let packets through again."""
        _run(*self.enter, "nft", "delete table inet console")


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Make a host beside this one; the test is skipped, with the reason, where that is not permitted."""
    missing = [command for command in NEEDED if shutil.which(command) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    there = Namespace(f"console-{os.getpid()}")
    near, far = f"cn{os.getpid()}", f"cf{os.getpid()}"
    try:
        _run("ip", "netns", "add", there.name)
    except subprocess.CalledProcessError as refused:
        pytest.skip(f"no network namespace can be made here: {refused.stderr.strip()}")
    try:
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", there.name)
        _run("ip", "address", "add", f"{HERE}/30", "dev", near)
        _run("ip", "link", "set", near, "up")
        _run(*there.enter, "ip", "address", "add", f"{THERE}/30", "dev", far)
        _run(*there.enter, "ip", "link", "set", far, "up")
        yield there
    finally:
        _run("ip", "netns", "delete", there.name)  # and the link with it


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
