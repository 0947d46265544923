"""The lock files: every package by the hashes of its files, of no registry in particular, and as pyproject wants it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(name: str) -> dict[str, str]:
    """Version by package."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", (CHECKOUT / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


def hashes(name: str) -> dict[str, set[str]]:
    blocks = re.split(r"\n(?=\w)", (CHECKOUT / name).read_text())
    return {
        canonicalize_name(block.split("==")[0]): set(re.findall(r"sha256:([0-9a-f]{64})\b", block))
        for block in blocks[1:]
    }


def test_locks__have_what_pyproject_asks_for() -> None:
    extras = [text for texts in PROJECT["optional-dependencies"].values() for text in texts]
    for name, wanted in zip(LOCKS, (PROJECT["dependencies"], PROJECT["dependencies"] + extras), strict=True):
        locked = pins(name)
        for requirement in map(Requirement, wanted):
            version = locked.get(canonicalize_name(requirement.name))
            assert version is not None or requirement.marker, f"{name} lacks {requirement}: make lock"
            assert version is None or requirement.specifier.contains(version), (
                f"{name}, {requirement}: make lock"
            )


def test_locks__agree_with_the_constraints_and_with_each_other() -> None:
    constraints, (runtime, dev) = pins("constraints.txt"), map(pins, LOCKS)
    assert dev.items() <= constraints.items(), sorted(dev.items() - constraints.items())
    assert runtime.items() <= dev.items()
    assert hashes("requirements.lock").items() <= hashes("requirements-dev.lock").items()


@pytest.mark.parametrize("name", LOCKS)
def test_locks__name_hashes_and_no_registry(name: str) -> None:
    text = (CHECKOUT / name).read_text()
    assert len(pins(name)) > 20
    assert hashes(name).keys() == pins(name).keys()
    assert [package for package, known in hashes(name).items() if not known] == []
    assert not re.search(r"://|^-|--(?!hash=)", text, re.MULTILINE), "an address, or an option but a hash"


def test_installations__insist_on_the_hashes() -> None:
    assert "--require-hashes --requirement requirements-dev.lock" in (CHECKOUT / "Makefile").read_text()
    assert "--require-hashes --requirement requirements.lock" in (CHECKOUT / "Dockerfile").read_text()
