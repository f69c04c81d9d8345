"""The blast radius of a protocol migration: who is there, what is open, and what each strategy interrupts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from app.protocol.strategies import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping

STAY: Final = "Callers stay connected."


@dataclass(frozen=True, slots=True, kw_only=True)
class Blast:
    """What a container's callers have to do with it now.

    `callers` and `sessions` are None where no gateway says who is there. `requests` are the callers' that are
    not answered yet, `prompts` those among them; `permissions` are the agent's, which wait for a caller.
    """

    callers: int | None = None
    sessions: int | None = None
    requests: int = 0
    prompts: int = 0
    permissions: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it, with what each strategy interrupts in words."""
        return asdict(self) | {"interrupts": {str(each): self.interrupts(each) for each in Strategy}}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Blast:
        """Read what `as_dict` gave."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__ if name in stored})

    @property
    def open(self) -> str:
        """What is open now, in words; empty if nothing is."""
        others = self.requests - self.prompts
        counted = (
            (self.prompts, "prompt"),
            (others, "other request" if self.prompts else "request"),
            (self.permissions, "question of the agent"),
        )
        words = [_plural(count, noun) for count, noun in counted if count]
        return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)

    def interrupts(self, strategy: Strategy) -> str:
        """Say what becomes of callers and of what they wait for, if it began now."""
        if strategy is Strategy.IMMEDIATE:
            now = (
                f"interrupted at once: {self.open}"
                if self.open
                else "nothing is open that it would interrupt"
            )
            return f"{_sentence(now)}. {STAY}"
        waited = f"New requests wait meanwhile, up to the drain limit. {STAY}"
        finish = f"{self.open} may finish; what is open at the drain limit is interrupted"
        graceful = f"{_sentence(finish if self.open else 'nothing is open now')}. {waited}"
        if strategy is Strategy.SCHEDULED:
            return f"Nothing before its time; then as graceful, with what is open by then. {STAY}"
        if strategy is Strategy.MANUAL:
            return f"Nothing until somebody switches it; then as graceful. {STAY}"
        return graceful


def _plural(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    return f"{count} questions of the agent" if noun.startswith("question") else f"{count} {noun}s"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
