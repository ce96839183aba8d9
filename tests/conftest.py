"""Boards to test on, and one Ray cluster for all tests that need it."""

import os
import shutil

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import pytest

from matdisc.board import Board, init_board

TOY_CARD = """
key = "{key}"
name = "Toy {key}"
version = "1"
kind = "{kind}"
summary = "A model for tests."
gives = [{gives}]
loader = "matdisc.testing:{loader}"
options = {{ {options} }}
{more}
[licence]
code = "MIT"
[[authors]]
name = "Nobody"
"""
POTENTIAL = 'protocol = "single-point"\nlevel_of_theory = "toy"\nenergy_scale = "own"'


@pytest.fixture(scope="session")
def _shipped(tmp_path_factory):
    board = init_board(tmp_path_factory.mktemp("shipped") / "board")
    shutil.rmtree(board.predictions_dir)
    return board


@pytest.fixture(scope="session")
def _as_shipped(_shipped):
    """Content and state of each file of the shipped board."""
    return {path: (path.read_bytes(), state_of(path)) for path in _shipped.root.rglob("*") if path.is_file()}


def state_of(path):
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_mode


@pytest.fixture
def board(_shipped, _as_shipped, tmp_path):
    """A fresh copy of the shipped board, without predictions and results.

    Its files are links, since copies take six times as long; one that a test writes to in place is made anew.
    """
    root = tmp_path / "board"
    shutil.copytree(_shipped.root, root, copy_function=os.link)
    yield Board(root)
    for path, (content, state) in _as_shipped.items():
        if state_of(path) != state:
            path.unlink()
            path.write_bytes(content)
            path.chmod(state[2])
            _as_shipped[path] = content, state_of(path)


@pytest.fixture
def add_toy(board):
    """Add a toy model to the board: `add_toy("key", loader, kind, option=value)`."""

    def add(key, loader, kind="potential", **options):
        written = ", ".join(f"{k} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for k, v in options.items())
        folder = board.models_dir / key
        folder.mkdir()
        more = POTENTIAL if kind == "potential" else ""
        gives = '"energy", "forces", "stress"' if kind == "potential" else '"formation energy", "stability"'
        text = TOY_CARD.format(key=key, kind=kind, gives=gives, loader=loader, options=written, more=more)
        (folder / "model.toml").write_text(text)
        return key

    return add


@pytest.fixture(scope="session")
def ray_session():
    """One small Ray cluster, started once; give it 90 s on a busy machine."""
    from matdisc.run.engine.cluster import ray_cluster

    with ray_cluster(2):
        yield
