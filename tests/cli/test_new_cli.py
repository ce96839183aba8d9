"""From a file of labelled crystals to a scored result: two commands."""

import json

import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write
from typer.testing import CliRunner

from matdisc.cli.app import app


def run(*arguments):
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def frames(tmp_path):
    """Copper, gold and three alloys of both with energies, forces and stresses of EMT, unrelaxed."""
    images = []
    for name, least in (("Cu", 0), ("CuAu3", 1), ("CuAu", 2), ("Cu3Au", 3), ("Au", 4)):
        atoms = bulk("Au" if least == 4 else "Cu", cubic=True)
        for i in range(4 - least if least in (1, 2, 3) else 0):
            atoms.symbols[i] = "Au"
        atoms.info["material_id"] = name
        atoms.calc = EMT()
        atoms.get_stress()
        images.append(atoms)
    write(tmp_path / "frames.extxyz", images)
    return tmp_path / "frames.extxyz"


def test_emt_is_exact_on_a_data_set_that_was_made_of_its_own_energies(board, frames):
    made = run("datasets", "new", "mine", frames, "--own-hull", "-b", board.root)
    assert made.exit_code == 0, made.output
    assert "formation energies: from total energies, 5 structures" in made.output
    assert run("datasets", "check", "mine", "-b", board.root).exit_code == 0
    assert run("datasets", "verify", "mine", "-b", board.root).exit_code == 0
    asked = run("predict", "emt", "discovery", "-d", "mine", "-b", board.root, "-w", 0, "--protocol", "single-point")
    assert asked.exit_code == 0, asked.output
    path = next((board.predictions_dir / "discovery" / "mine").glob("emt*.csv.gz"))
    scored = run("score", path, "-t", "discovery", "-d", "mine", "-b", board.root, "--json")
    metrics = json.loads(scored.stdout)["metrics"]
    assert metrics["mae"]["value"] == pytest.approx(0, abs=1e-6)


def test_what_is_refused_is_one_line_and_leaves_nothing(board, frames):
    refused = run("datasets", "new", "mine", frames, "--forces", "F", "-b", board.root)
    assert refused.exit_code == 1
    assert "--forces: no structure has a field 'F'" in str(refused.exception)
    assert not (board.datasets_dir / "mine").exists()


def test_describe_writes_what_is_missing_on_a_card_and_nothing_else(board, frames):
    run("datasets", "new", "mine", frames, "--own-hull", "--relaxed", "-b", board.root)
    path = board.datasets_dir / "mine" / "dataset.toml"
    whole = path.read_text(encoding="utf-8")
    lines = [line for line in whole.splitlines() if line.split(" =")[0] not in ("sha256", "bytes", "n_samples")]
    path.write_text("# mine\n" + "\n".join(lines) + "\n", encoding="utf-8")
    assert "10 fields written" in run("datasets", "describe", "mine", "--write", "-b", board.root).output
    written = path.read_text(encoding="utf-8")
    assert written.startswith("# mine\n")
    assert sorted(written.splitlines()[1:]) == sorted(whole.splitlines())
    assert run("datasets", "verify", "mine", "-b", board.root).exit_code == 0
    assert "right already" in run("datasets", "describe", "mine", "--write", "-b", board.root).output


def test_describe_says_so_where_it_cannot_find_the_fields(board, frames):
    run("datasets", "new", "mine", frames, "--own-hull", "-b", board.root)
    path = board.datasets_dir / "mine" / "dataset.toml"
    head, _, _ = path.read_text(encoding="utf-8").partition("\n[[files]]")
    names = ("labels.csv", "structures.extxyz.gz", "elements.extxyz.gz")
    inline = ", ".join(f'{{ name = "{name}", licence = "MIT" }}' for name in names)
    path.write_text(f"files = [{inline}]\n{head}", encoding="utf-8")
    before = path.read_bytes()
    refused = run("datasets", "describe", "mine", "--write", "-b", board.root)
    assert "the fields cannot be found line by line" in str(refused.exception)
    assert path.read_bytes() == before
