"""Imports run one way: cli -> commands -> batches -> {store, platforms} -> {model, errors, backoff}."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "socialcron"

LEAVES = {"errors", "exitcodes", "backoff", "model", "content", "whens", "redaction"}
BASE = LEAVES | {"log", "settings"}

# layer -> what it may import of socialcron, itself included
MAY_IMPORT: dict[str, set[str]] = {
    "cli": BASE | {"cli", "commands"},
    "__main__": {"cli"},
    "commands": BASE | {"commands", "batches", "store", "platforms", "sandbox"},
    "batches": BASE | {"batches", "store", "platforms"},
    "store": BASE | {"store"},
    "platforms": LEAVES | {"platforms"},  # neither settings nor database nor logs
    "sandbox": {"sandbox"},  # an independent judge shares no code with what it judges
    "settings": LEAVES,
    **dict.fromkeys(LEAVES | {"log"}, LEAVES),
}

ONLY_IMPORTER = {"httpx": "platforms", "sqlalchemy": "store", "psycopg": "store"}


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports__run_one_way(path: Path) -> None:
    allowed = MAY_IMPORT[layer(path)] | {"__version__"}
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("socialcron.")}

    assert ours <= allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports__keep_a_library_in_its_layer(path: Path) -> None:
    for library, home in ONLY_IMPORTER.items():
        if any(name.split(".")[0] == library for name in imports(path)):
            assert layer(path) == home, f"{library} belongs to {home}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "sandbox").rglob("*.py")), ids=lambda path: path.name)
def test_sandbox__needs_only_the_standard_library(path: Path) -> None:
    names = {name.split(".")[0] for name in imports(path)}

    assert names <= sys.stdlib_module_names | {"socialcron"}
