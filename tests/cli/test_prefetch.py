"""What nodes without a network need is fetched beforehand, and what cannot be had is named."""

import hashlib

import pytest
from typer.testing import CliRunner

from matdisc.cli.app import app
from matdisc.run import prefetch as module
from matdisc.run.environments.layers import Environment

CONTENT = b"weights"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache and a mirror with one checkpoint."""
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MATDISC_MIRROR", str(tmp_path / "mirror"))
    (tmp_path / "mirror" / "weights" / "hosted").mkdir(parents=True)
    (tmp_path / "mirror" / "weights" / "hosted" / "best.pt").write_bytes(CONTENT)
    return tmp_path / "cache"


@pytest.fixture
def hosted(board, add_toy):
    """Add a model whose weights lie at an address that does not exist."""

    def add(key):
        add_toy(key, "slow_emt")
        path = board.models_dir / key / "model.toml"
        weights = f'url = "https://weights.invalid/best.pt"\nsha256 = "{hashlib.sha256(CONTENT).hexdigest()}"\n'
        path.write_text(path.read_text().replace("[licence]", f"[weights]\n{weights}[licence]"))
        return key

    return add


def run(board, *arguments):
    return CliRunner().invoke(app, ["prefetch", *arguments, "--board", str(board.root)])


def test_weights_and_data_are_fetched_once_and_there_the_second_time(board, hosted, cache):
    first = run(board, hosted("hosted"), "emt", "--dataset", "emt-alloys")
    assert first.exit_code == 0, first.output
    lies = cache / "weights" / "hosted" / "best.pt"
    assert f"weights of hosted: fetched: {lies}" in first.stdout
    assert "weights of emt: nothing" in first.stdout
    assert f"cache: {cache}" in first.stdout
    assert lies.read_bytes() == CONTENT
    assert f"weights of hosted: there: {lies}" in run(board, "hosted").stdout


def test_after_it_neither_mirror_nor_network_is_needed(board, hosted, cache, monkeypatch):
    from matdisc.models.weights import checkpoint

    run(board, hosted("hosted"))
    monkeypatch.delenv("MATDISC_MIRROR")
    monkeypatch.setattr("socket.socket.connect", lambda *a: pytest.fail("a connection was tried"))
    assert checkpoint(board.model("hosted")) == cache / "weights" / "hosted" / "best.pt"
    assert run(board, "hosted", "--dataset", "emt-alloys").exit_code == 0


def test_what_cannot_be_had_is_named_and_all_else_is_fetched(board, hosted, cache, monkeypatch):
    def refuse(url, target, known_hash):
        raise OSError("no network")

    monkeypatch.setattr("matdisc.models.weights.retrieve", refuse)
    done = run(board, hosted("elsewhere"), "nobody", hosted("hosted"), "-d", "emt-alloys", "-d", "no-such-set")
    assert done.exit_code == 2
    assert "weights of elsewhere: missing: " in done.stderr
    assert "set MATDISC_MIRROR to a folder that has weights/elsewhere/best.pt" in done.stderr
    assert "model nobody: missing: " in done.stderr
    assert "dataset no-such-set: missing: " in done.stderr
    assert "weights of hosted: fetched: " in done.stdout
    assert "error: 3 of " in done.stderr


def test_environments_are_made_with_what_model_and_dataset_require(board, cache, monkeypatch, tmp_path):
    asked = []

    def made(requirements, *, model, say):
        asked.append((model, requirements))
        return Environment(tmp_path / "layer" / "bin" / "python", {}, 0.0, built=True)

    monkeypatch.setattr(module, "ensure", made)
    card = board.datasets_dir / "emt-alloys" / "dataset.toml"
    card.write_text('requirements = ["phono3py==3.30.0"]\n' + card.read_text())
    done = run(board, "chgnet-0.3.0", "emt", "-d", "emt-alloys", "--env", "isolated")
    assert done.exit_code == 0, done.output
    own = board.model("chgnet-0.3.0").requirements
    assert asked[0] == ("chgnet-0.3.0", sorted({*own, "phono3py==3.30.0"}))
    assert f"environment of chgnet-0.3.0: fetched: {tmp_path / 'layer'}" in done.stdout


def test_nothing_named_is_refused(board):
    done = run(board)
    assert done.exit_code == 2
    assert "name models" in done.output
