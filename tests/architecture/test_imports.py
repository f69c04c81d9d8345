"""Imports run one way (DESIGN, layout): read from the syntax trees, inside functions and type checks too."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"

BASE = {"errors", "version"}
ROWS = BASE | {"protocol", "extensions", "models"}
WRITES = ROWS | {"queries", "services"}
ALLOWED = {
    "errors": set(),
    "version": set(),
    "extensions": set(),
    "protocol": BASE,
    "assets": BASE,
    "config_values": BASE,
    "config": BASE | {"config_values", "protocol"},
    "postgres": BASE,
    "embedded": BASE | {"config", "postgres"},
    "models": BASE | {"protocol", "extensions"},
    "queries": ROWS,
    "services": ROWS | {"queries"},
    "access": WRITES,
    "live": WRITES | {"access"},
    "prompting": BASE | {"protocol"},
    "web": WRITES | {"access", "assets", "live.fragments", "live.lines", "live.recent", "prompting"},
    "gateway": WRITES | {"config", "config_values", "embedded"},
    "demo": BASE | {"protocol", "config", "config_values"},
    "cli": WRITES
    | {"assets", "config", "config_values", "embedded", "postgres", "demo", "gateway", "prompting"},
    "": {"access", "cli", "config", "embedded", "extensions", "live", "models", "protocol", "web"},
}
"""What a unit of `app` may import beside itself; "" is create_app."""


def modules() -> Iterator[Path]:
    return APP.rglob("*.py")


def unit_of(path: Path) -> str:
    """Name a file's unit: its package or module right under app."""
    return path.relative_to(APP).parts[0].removesuffix(".py").removesuffix("__init__")


def imported(path: Path) -> Iterator[str]:
    """Give what a file imports of ours, dotted and without `app.`; `from app.web import x` gives `web.x`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{each.name}" for each in node.names]
        else:
            continue
        yield from (name.removeprefix("app.") for name in names if name.startswith("app."))


def breaches(unit: str, names: Iterator[str]) -> list[str]:
    allowed = ALLOWED[unit] | {unit}
    return [
        name
        for name in names
        if name.partition(".")[0] not in allowed and ".".join(name.split(".")[:2]) not in allowed
    ]


@pytest.mark.parametrize("path", sorted(modules()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_place_allows(path: Path) -> None:
    assert breaches(unit_of(path), imported(path)) == []


def test_every_unit_has_its_place() -> None:
    assert {unit_of(path) for path in modules()} == set(ALLOWED)


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("protocol", "models.Container"),
        ("web", "gateway.recorder.Recorder"),
        ("gateway", "web.containers"),
        ("queries", "services.audit"),
        ("web", "live.hub.Hub"),
        ("services", "web.access"),
    ],
)
def test_the_rule_finds_breaches(unit: str, name: str) -> None:
    assert breaches(unit, iter([name])) == [name]


def test_web_may_render_fragments() -> None:
    assert breaches("web", iter(["live.fragments.fragment"])) == []


@pytest.mark.parametrize("path", sorted((APP / "protocol").rglob("*.py")), ids=lambda path: path.name)
def test_the_protocol_does_no_io(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in names}
    assert roots.isdisjoint({"asyncio", "socket", "ssl", "threading"})
    # msgspec by DESIGN, layout; re2 by ADR 15.
    assert roots <= sys.stdlib_module_names | {"app", "msgspec", "re2"}
