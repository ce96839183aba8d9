"""Imports point downwards only; Ray and torch stay where they belong; commands start without them."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "matdisc"
LAYERS = [
    {"cli"},
    {"api", "service"},
    {"run", "testing", "trackers"},
    {"leaderboard", "generate"},
    {"tasks"},
    {"scoring"},
    {"models"},
    {"datasets"},
    {"physics", "metrics"},
    {"predictions", "board"},
    {"formats"},
    {"cards"},
    {"columns", "client"},
    {
        "schema",
        "errors",
        "atomic",
        "arrays",
        "cache",
        "canonical",
        "elements",
        "interrupts",
        "progress",
        "protocols",
        "templates",
        "units",
        "version",
    },
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
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem not in ("__init__", "__main__"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_from_layers_below_it_only(path):
    own = _unit(path)
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] == "matdisc" and len(parts) > 1 and parts[1] in LEVEL and parts[1] != own:
            assert LEVEL[parts[1]] > LEVEL[own], f"{own} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_ray_and_torch_are_imported_where_they_belong(path):
    roots = {name.split(".")[0] for name in _imports(path)}
    assert "ray" not in roots or _unit(path) == "run"
    assert not MODEL_PACKAGES & roots or _unit(path) == "models"


def _dotted(path: Path) -> str:
    return ".".join(("matdisc", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def _imported_modules(path: Path, known: set[str]) -> set[str]:
    """Modules of the package that a file imports, wherever in it: inside functions and for type checkers too."""
    return {name if name in known else name.rpartition(".")[0] for name in _imports(path)} & known - {_dotted(path)}


def test_no_module_imports_itself_in_a_circle():
    paths = sorted(PACKAGE.rglob("*.py"))
    known = {_dotted(path) for path in paths}
    below = {_dotted(path): _imported_modules(path, known) for path in paths}
    while leaves := {name for name, imported in below.items() if not imported}:
        below = {name: imported - leaves for name, imported in below.items() if name not in leaves}
    assert not below, f"these modules lie on a circle, or above one: {sorted(below)}"


def test_every_unit_of_the_package_has_its_place_in_the_layers():
    assert {_unit(path) for path in MODULES} <= LEVEL.keys()


@pytest.mark.parametrize("unit", ["scoring", "leaderboard"])
def test_what_is_right_of_the_predictions_file_needs_neither_models_nor_physics(unit):
    left = ("matdisc.models", "matdisc.physics", "matdisc.run")
    for path in (PACKAGE / unit).rglob("*.py"):
        assert not [name for name in _imports(path) if name.startswith(left)], path


def test_metrics_need_nothing_but_numerical_libraries():
    for path in (PACKAGE / "metrics").rglob("*.py"):
        roots = {name.split(".")[0] for name in _imports(path)} - set(sys.stdlib_module_names)
        assert roots <= {"numpy", "scipy", "sklearn", "matdisc"}


HEAVY = ("torch", "ray", "pymatgen", "sklearn", "ase", "pandas", "numba", "tblite")


CARDS = ("pydantic", "packaging", "numpy", "pyarrow")


def _imported_by(arguments: list[str], names: tuple[str, ...], **environment: str) -> str:
    """Return which of these packages a command has imported when it ends, as it is printed."""
    code = (
        "import sys; sys.argv = ['matdisc', *sys.argv[1:]]\n"
        "from matdisc.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {names!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=PACKAGE.parent, check=True,
        env=os.environ | environment,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["score", "--help"]])
def test_light_commands_start_without_heavy_imports(arguments):
    assert _imported_by(arguments, HEAVY) == "[]"


def test_the_list_of_commands_needs_neither_cards_nor_arrays():
    assert _imported_by(["--help"], CARDS) == "[]"


@pytest.mark.parametrize("command", ["score", "predict", "rank"])
def test_the_help_of_a_command_needs_neither_cards_nor_arrays(command):
    assert _imported_by([command, "--help"], ("matdisc.cards.dataset", "numpy", "pyarrow")) == "[]"


def test_a_shell_completes_commands_without_cards_and_arrays():
    asked = {"_MATDISC_COMPLETE": "complete_bash", "COMP_WORDS": "matdisc sc", "COMP_CWORD": "1"}
    assert _imported_by([], ("matdisc.cards.dataset", "numpy", "pyarrow"), **asked) == "[]"
    code = "import sys; sys.argv = ['matdisc']\nfrom matdisc.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | asked)
    assert done.stdout.split() == ["score"]
