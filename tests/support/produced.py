"""The texts that the code can store as a reason or an error, read from its syntax trees.

A text is found where it is raised, told as the reason of an end, or given to a name that says so. Particulars
of f-strings are replaced by a word.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CALLS: Final = frozenset({"Finding", "Verdict", "Ended", "Failed", "Parting", "CallerError"}) | {
    *("offline", "close", "establish", "dismiss", "failed", "reject"),
    *("_advance", "_answer", "advance", "judge", "_invalid", "_later", "_request"),
}
"""Functions whose texts are told to callers or stored."""
NAMES: Final = frozenset({"reason", "error_message", "outcome", "why", "problem", "told"})
"""Names of arguments and variables that hold such a text."""
MISTAKES: Final = frozenset({"ValueError", "Misdirected"})
"""What never leaves the code: defects of the caller's own, and a signal between two functions."""
PARTICULAR: Final = "x7"


def texts(*folders: str) -> Iterator[tuple[str, str]]:
    """Give each text with the place where it stands, such as `app/gateway/link.py:128`."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py") if (ROOT / folder).is_dir() else [ROOT / folder]):
            for node in ast.walk(ast.parse(path.read_text())):
                for value in _values(node):
                    for text in _written(value):
                        yield f"{path.relative_to(ROOT)}:{value.lineno}", text


def _values(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=arguments)) if name not in MISTAKES:
            yield from arguments
        case ast.FunctionDef(name=name) if name in NAMES:
            yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments) if name in CALLS:
            yield from arguments
        case ast.keyword(arg=name, value=value) if name in NAMES:
            yield value
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in NAMES:
            yield value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant() as value) if name.isupper():
            yield value


def _written(value: ast.expr) -> Iterator[str]:
    """Give the texts that an expression may be, those with a space: single words are names."""
    match value:
        case ast.Constant(value=str(text)) if " " in text:
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else PARTICULAR for part in parts)
        case ast.IfExp(body=body, orelse=other):
            yield from (*_written(body), *_written(other))
        case ast.BoolOp(values=values):
            for each in values:
                yield from _written(each)
        case ast.BinOp(left=left):
            yield from _written(left)
