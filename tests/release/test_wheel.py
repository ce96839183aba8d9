"""What strangers install: the wheel works away from the repository, and the source distribution makes the same one.

The fresh environment sees the packages that are installed already: to install them again takes more than a minute.
A test compares them with what the wheel asks for; .github/workflows/release.yml installs everything, for each Python.
"""

import subprocess
import sys
import sysconfig
import tarfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(*command, cwd):
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist):
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def programs(wheel, tmp_path_factory):
    """The programs of a fresh environment with the wheel, which sees other packages but not the repository."""
    home = tmp_path_factory.mktemp("fresh")
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    (site,) = home.glob("lib/*/site-packages")
    (site / "installed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    run(sys.executable, "-m", "pip", "--python", home, "install", "-q", "--no-deps", "--no-index", wheel, cwd=home)
    return home / "bin"


def test_the_wheel_has_the_package_and_the_first_board_and_nothing_else(wheel):
    names = ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"matdisc", f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"}
    assert {"matdisc/_board/models/emt/model.toml", "matdisc/_board/leaderboard/site.toml"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]
    assert wheel.stat().st_size < 10e6


def test_the_source_distribution_makes_the_same_wheel(dist, wheel, tmp_path):
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again", cwd=source)
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()


def test_what_the_wheel_asks_for_is_what_the_tests_run_with(wheel):
    with ZipFile(wheel) as packed:
        (metadata,) = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        asked = Parser().parsestr(packed.read(metadata).decode()).get_all("Requires-Dist")
    core = [needed for needed in map(Requirement, asked) if "extra" not in str(needed.marker)]
    assert len(core) > 10
    assert [str(needed) for needed in core if version(needed.name) not in needed.specifier] == []


def test_a_stranger_scores_a_model_with_the_wheel_alone(programs, tmp_path):
    assert "matdisc init my-board" in run(programs / "matdisc", "--help", cwd=tmp_path)
    where = run(programs / "python", "-c", "import matdisc; print(matdisc.__file__)", cwd=tmp_path)
    assert where.startswith(str(programs.parent))
    run(programs / "matdisc", "init", "my-board", cwd=tmp_path)
    board = tmp_path / "my-board"
    emt = ("emt", "--task", "polymorphs", "--dataset", "elements")
    run(
        programs / "matdisc", "evaluate", *emt, "--workers", "0", cwd=board
    )  # in one process: Ray takes seconds to start
    assert (board / "leaderboard" / "results" / "polymorphs" / "elements" / "emt.json").is_file()
    assert "EMT ASE" in (board / "leaderboard" / "_site" / "tasks" / "polymorphs.html").read_text(encoding="utf-8")
    assert (board / "leaderboard" / "_site" / "index.html").is_file()
