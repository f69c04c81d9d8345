"""A payload as a tree that a page can show, however large and deep a stranger made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from app.web.quantities import counted

MOST_NODES: Final = 1500  # a browser lays these out in a moment; the raw JSON has everything
DEEPEST: Final = 40
LONGEST: Final = 4000  # characters of one text


@dataclass(slots=True)
class Node:
    """A value with its name in the value around it; `omitted` counts what the tree leaves out below it."""

    name: str
    kind: str
    text: str = ""
    children: list[Node] = field(default_factory=list)
    omitted: int = 0


def tree(payload: Any) -> Node:
    """Return the payload's tree, cut where it becomes too large to be read."""
    return _Planter().plant("", payload, 0)


class _Planter:
    """Counts the nodes while it makes them."""

    def __init__(self) -> None:
        self.left = MOST_NODES

    def plant(self, name: str, value: Any, depth: int) -> Node:
        self.left -= 1
        if isinstance(value, dict):
            return self._branch(
                Node(name, "object", counted(len(value), "member")), list(value.items()), depth
            )
        if isinstance(value, list):
            pairs = [(str(index), item) for index, item in enumerate(value[: self.left + 1])]
            node = self._branch(Node(name, "array", counted(len(value), "item")), pairs, depth)
            node.omitted += len(value) - len(pairs)
            return node
        return _leaf(name, value)

    def _branch(self, node: Node, pairs: list[tuple[str, Any]], depth: int) -> Node:
        for name, value in pairs:
            if self.left <= 0 or depth >= DEEPEST:
                break
            node.children.append(self.plant(name, value, depth + 1))
        node.omitted = len(pairs) - len(node.children)
        return node


def _leaf(name: str, value: Any) -> Node:
    if isinstance(value, str):
        return Node(name, "text", value[:LONGEST], omitted=max(0, len(value) - LONGEST))
    if value is None or isinstance(value, bool):
        return Node(name, "word", {None: "null", True: "true", False: "false"}[value])
    return Node(name, "number", str(value))
