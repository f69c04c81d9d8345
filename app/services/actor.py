"""Who does something: every change has a name (DESIGN, promise 6)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a caller or a process, by the name that the audit trail shows, and from where: an address."""

    name: str
    origin: str = ""

    def __str__(self) -> str:
        return self.name


GATEWAY = Actor("gateway")
COMMAND_LINE = Actor("command line", origin="command line")
