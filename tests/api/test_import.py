"""`import matdisc` is light, and offers what it says."""

import subprocess
import sys
from pathlib import Path

import pytest

import matdisc

HEAVY = ("numpy", "ase", "pymatgen", "torch", "ray", "pandas", "pydantic", "sklearn", "scipy", "matplotlib")


def test_importing_matdisc_imports_nothing_heavy():
    code = f"import sys, matdisc; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_functions_are_listed_before_they_are_used():
    code = "import matdisc; print([name for name in matdisc.__all__ if name not in dir(matdisc)])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("name", ["compare", "evaluate", "load_dataset", "score", "submissions", "submit", "track"])
def test_each_function_is_there_and_says_what_it_does(name):
    function = getattr(matdisc, name)
    assert callable(function)
    assert "Args:" in function.__doc__


def test_errors_can_be_caught_by_name_at_once():
    code = "import matdisc; print(issubclass(matdisc.errors.DataError, matdisc.errors.MatdiscError))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        matdisc.evalute  # noqa: B018


def test_type_checkers_find_the_marker():
    assert (Path(matdisc.__file__).parent / "py.typed").is_file()
