"""The installed package: complete, alone under its own name, light to import, one direction between its rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "carbondrivers"
# What each room may import; cli and study may import all, and nothing imports them.
ROOMS = {
    "nep_models": {"nep_models"},
    "datasets": {"datasets", "nep_models"},
    "attribution": {"attribution", "datasets", "nep_models"},
    "reports": {"reports", "attribution", "datasets"},
    "study": {"study", "reports", "attribution", "datasets", "nep_models"},
}


def test_installed_files_are_the_source_and_nothing_else() -> None:
    try:
        files = distribution("carbondrivers").files or []
    except PackageNotFoundError:
        pytest.skip("carbondrivers is not installed here: pip install '.[test]' first")
    installed = {f.as_posix() for f in files if f.suffix != ".pyc"}
    tops = {name.split("/")[0] for name in installed if not name.startswith("..")}
    if "carbondrivers" not in tops:
        pytest.skip("an editable installation has no files of its own")
    assert {t for t in tops if ".dist-info" not in t} == {"carbondrivers"}
    source = {p.relative_to(SOURCE.parent).as_posix() for p in SOURCE.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    assert {name for name in installed if name.startswith("carbondrivers/")} == source


def test_the_four_links_of_the_root_are_the_packages() -> None:
    for name in ("attribution", "datasets", "nep_models", "reports"):
        assert (ROOT / name).resolve() == (SOURCE / name).resolve()


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: a relative import"
        found |= {name.split(".")[1] for name in names if name.startswith("carbondrivers.")}
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_lies_above_it(room: str) -> None:
    allowed = ROOMS[room] | {"errors", "catalogue", "provenance", "__version__"}
    for path in (SOURCE / room).rglob("*.py"):
        assert _imports(path) <= allowed, f"{path.name} imports {_imports(path) - allowed}"


def test_attribution_neither_draws_nor_reads_files() -> None:
    for path in (SOURCE / "attribution").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("matplotlib", "read_csv", "open(", "rioxarray", "open_dataset"):
            assert word not in text, f"{path.name}: {word}"


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import carbondrivers", ["numpy", "pandas", "typer", "matplotlib"]),
        ("import carbondrivers.cli", ["numpy", "pandas", "pydantic", "matplotlib", "scipy"]),
        ("import carbondrivers.nep_models", ["pandas", "xarray", "matplotlib"]),
    ],
)
def test_imports_stay_light(code: str, absent: list[str]) -> None:
    probe = f"import sys; {code}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT / "src", check=True)
    assert done.stdout.strip() == "[]"
