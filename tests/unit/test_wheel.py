from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, ROOT],
        check=True,
        capture_output=True,
    )
    return zipfile.ZipFile(next(target.glob("*.whl")))


def test_wheel__holds_every_sql_file(wheel: zipfile.ZipFile) -> None:
    in_checkout = {f"socialcron/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}

    assert in_checkout
    assert {name for name in wheel.namelist() if name.endswith(".sql")} == in_checkout


def test_wheel__holds_every_module_and_no_test(wheel: zipfile.ZipFile) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "socialcron").rglob("*.py")}

    assert {name for name in wheel.namelist() if name.endswith(".py")} == modules


def test_wheel__holds_the_report_s_page_and_the_licence_of_its_charts(wheel: zipfile.ZipFile) -> None:
    page = ROOT / "socialcron" / "batches" / "report_page"
    in_checkout = {str(path.relative_to(ROOT)) for path in page.rglob("*") if path.is_file()}

    assert any(name.endswith("uPlot.LICENSE") for name in in_checkout)
    assert {name for name in wheel.namelist() if "report_page/" in name} == in_checkout
