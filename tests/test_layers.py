"""Imports point downwards only; Ray and torch stay where they belong; commands start without them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "matdisc"
LAYERS = [
    {"cli"},
    {"run", "testing"},
    {"leaderboard", "generate"},
    {"tasks"},
    {"models"},
    {"datasets", "physics", "metrics", "predictions"},
    {"board", "cards", "tables", "structures"},
    {"columns"},
    {"schema", "errors", "atomic"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


MODEL_PACKAGES = {
    "torch", "torch_geometric", "chgnet", "sevenn", "mace", "matgl", "orb_models", "mattersim", "alignn", "e3nn",
    "numba", "safetensors", "tblite",
}  # fmt: skip


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _unit(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "generate" if "generate" in parts else parts[0]  # scripts that make data; nothing imports them


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem not in ("__init__", "__main__"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_from_layers_below_it_only(path):
    own = _unit(path)
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "matdisc" and len(parts) > 1 and parts[1] in LEVEL and parts[1] != own:
            same_floor = own in ("cards", "board", "structures") and parts[1] == "cards"
            assert LEVEL[parts[1]] > LEVEL[own] or same_floor, f"{own} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_ray_and_torch_are_imported_where_they_belong(path):
    roots = {name.split(".")[0] for name in _imports(path)}
    assert "ray" not in roots or _unit(path) == "run"
    assert not MODEL_PACKAGES & roots or _unit(path) == "models"


def test_every_unit_of_the_package_has_its_place_in_the_layers():
    assert {_unit(path) for path in MODULES} <= LEVEL.keys()


def test_metrics_need_nothing_but_numerical_libraries():
    for path in (PACKAGE / "metrics").rglob("*.py"):
        roots = {name.split(".")[0] for name in _imports(path)} - set(sys.stdlib_module_names)
        assert roots <= {"numpy", "scipy", "sklearn", "matdisc"}


HEAVY = ("torch", "ray", "pymatgen", "sklearn", "ase", "pandas", "numba", "tblite")


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["score", "--help"]])
def test_light_commands_start_without_heavy_imports(arguments):
    code = (
        "import sys; sys.argv = ['matdisc', *sys.argv[1:]]\n"
        "from matdisc.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=PACKAGE.parent, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"
