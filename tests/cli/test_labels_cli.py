"""`matdisc labels` on the command line: a table, a hash, and errors that name the field."""

import hashlib

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("tblite", reason="needs the package tblite (matdisc[labels])")

from matdisc.cli.labels import labels
from matdisc.errors import RunError


def _run(*arguments):
    app = typer.Typer()
    app.command()(labels)
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_labels_prints_systems_reasons_and_the_hash_of_its_file(tmp_path):
    (tmp_path / "c.toml").write_text(
        'equilibrate = 0\nlargest_force = 1.0\n[[system]]\nname = "anion"\n'
        'species = { "PF6-" = 1 }\nframes = 1\nrattles = 3\nnoise = 0.3\n'
    )
    done = _run(tmp_path / "c.toml", "--out", tmp_path / "out", "--workers", 0)
    assert done.exit_code == 0, done.output
    digest = hashlib.sha256((tmp_path / "out" / "frames.npz").read_bytes()).hexdigest()
    assert f"sha256 {digest}" in done.output
    assert "left out: 3 rattled: forces beyond the limit" in done.output
    assert "1 frames, 7 atoms" in done.output


def test_a_file_of_structures_needs_no_configuration(tmp_path):
    (tmp_path / "ions.xyz").write_text("1\ncharge=1\nLi 0 0 0\n")
    done = _run(tmp_path / "ions.xyz", "--out", tmp_path / "out", "--workers", 0)
    assert done.exit_code == 0, done.output
    assert "1 frames, 1 atoms" in done.output


def test_an_unknown_field_is_named(tmp_path):
    (tmp_path / "c.toml").write_text('sed = 1\n[[system]]\nname = "a"\nspecies = { EC = 1 }\n')
    done = _run(tmp_path / "c.toml", "--out", tmp_path / "out")
    assert isinstance(done.exception, RunError)
    assert "field 'sed' is not known" in str(done.exception)
