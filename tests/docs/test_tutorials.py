"""The tutorials do what they say: their commands run in an empty folder and print what the pages show."""

import os
import re
import socket
import subprocess
import sys
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.\w+)\n")
ANY_TIME = re.compile(r"^site so far: .*\n", re.MULTILINE)
"""The site is built beside the runs: this line comes between any two of theirs."""
MARK = "-- end of block {} --"
pytestmark = pytest.mark.slow


def script(blocks: list[tuple[str, str]]) -> str:
    """Return a page as one script: `bash` is run, a block that begins with `# NAME` is a file; `sh` is left out."""
    lines = ["set -e", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
    for number, (language, body) in enumerate(blocks):
        if language == "bash":
            lines += [body, f"echo; echo '{MARK.format(number)}'"]
        elif named := FILE.match(body):
            lines.append(f"cat > {named[1]} <<'END-OF-FILE'\n{body}END-OF-FILE")
    return "\n".join(lines)


def run(blocks: list[tuple[str, str]], folder: Path) -> str:
    """Return what a page's commands print; what they install goes beside the tests' packages, not among them."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    packages = str(folder.parent / "packages")
    modules = os.pathsep.join(filter(None, (packages, os.environ.get("PYTHONPATH"))))
    here = {"PATH": path, "COLUMNS": "200", "PYTHONUNBUFFERED": "1", "MATDISC_CACHE": str(folder.parent / "cache")}
    pip = {"PIP_TARGET": packages, "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PYTHONPATH": modules}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MATDISC_")}
    done = subprocess.run(
        ["bash"], input=script(blocks), cwd=folder, env=kept | here | pip,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def check(name: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        text = (TUTORIALS / name).read_text().replace("8000", str(free.getsockname()[1]))
    blocks = BLOCK.findall(text)
    printed = run(blocks, folder)
    for number, (language, _) in enumerate(blocks[:-1]):
        if language != "bash":
            continue
        found, _, printed = printed.partition(f"\n{MARK.format(number)}\n")
        following, shown = blocks[number + 1]
        if following == "text":
            expected, got = (ANY_TIME.sub("", part) for part in (shown, found))
            same = OutputChecker().check_output(expected, got, ELLIPSIS | NORMALIZE_WHITESPACE)
            assert same, f"{name} shows\n{shown}\nand has to show\n{found}"


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["first-board.md", "add-a-task.md"])
def test_a_tutorial_runs_in_an_empty_folder_and_prints_what_it_shows(name, empty):
    check(name, empty)


@pytest.mark.service
@pytest.mark.parametrize("name", ["submit.md", "host-a-service.md"])
def test_a_tutorial_with_a_service_runs_in_an_empty_folder_and_prints_what_it_shows(name, empty):
    check(name, empty)
