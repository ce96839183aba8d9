"""`matdisc train` from the outside: what it writes, prints and refuses."""

import pytest
from typer.testing import CliRunner

from matdisc.cli.train import app
from matdisc.errors import DataError, RunError

TRAIN = """
[network]
features = 8
heads = 2
radial = 8
layers = 2
level_of_theory = "springs"
[run]
epochs = 2
batch = 2
"""
ALIGN = """
model = "m"
[[mixtures]]
name = "EC"
frames = ["f.xyz"]
delta_pressure = -20.0
"""
HEAD = '2\nProperties=species:S:1:pos:R:3:forces:R:3 energy={e} trajectory={t} pbc="F F F"\n'


def frames_text():
    """Six two-atom frames on a spring of 1 eV/Å^2, in three trajectories."""
    text = ""
    for n, r in enumerate((0.7, 0.75, 0.8, 0.85, 0.9, 0.95)):
        pull = r - 0.8
        text += HEAD.format(e=0.5 * pull**2, t=n // 2) + f"H 0 0 0 {pull} 0 0\nH {r} 0 0 {-pull} 0 0\n"
    return text


@pytest.fixture
def config(tmp_path):
    (tmp_path / "train.toml").write_text(TRAIN)
    (tmp_path / "frames.xyz").write_text(frames_text())
    return tmp_path / "train.toml"


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_training_from_extended_xyz_writes_model_errors_and_curves(config, tmp_path):
    done = run("get", config, "--data", tmp_path / "frames.xyz", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"model", "errors.csv", "curves.csv", "checkpoint.safetensors"}
    assert {path.name for path in (tmp_path / "out" / "model").iterdir()} == {"model.toml", "weights.safetensors"}
    assert "validation" in done.output
    assert (tmp_path / "out" / "errors.csv").read_text().startswith("part,system,quantity,unit,frames,mae,rmse")


def test_a_session_that_ends_early_says_how_to_go_on(config, tmp_path):
    call = ["get", config, "--data", tmp_path / "frames.xyz", "--out", tmp_path / "out"]
    done = run(*call, "--minutes", "1e-9")
    assert "--resume" in done.output
    assert "--resume" not in run(*call, "--resume").output


def test_no_data_is_an_error_that_names_the_option(config, tmp_path):
    assert isinstance(run("get", config, "--out", tmp_path / "out").exception, DataError)


def test_a_dry_run_prints_the_outside_pressure_in_bar(tmp_path):
    """-20 MPa less inside is +20 MPa, 200 bar, outside, on top of 1 bar."""
    (tmp_path / "align.toml").write_text(ALIGN)
    done = run("align", tmp_path / "align.toml", "--dry-run")
    assert done.exit_code == 0
    assert "201" in done.output


def test_alignment_without_a_folder_is_refused(tmp_path):
    (tmp_path / "align.toml").write_text(ALIGN)
    assert isinstance(run("align", tmp_path / "align.toml").exception, RunError)
