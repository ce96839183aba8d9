"""Configurations of training say what is wrong with them, and published weights are converted rightly."""

import pytest
from ase import units

from matdisc.errors import RunError
from matdisc.models.get.training.config import AlignConfig, DistillConfig, Loss, TrainConfig, read_config

GOOD = '[network]\nlevel_of_theory = "toy"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "field 'network' is missing"),
        ("[network", "not valid TOML"),
        ("[network]\n", "field 'network.level_of_theory' is missing"),
        (GOOD + "width = 3\n", "field 'network.width' is not known"),
        (GOOD + "width = 3\n", "features"),
        (GOOD + "features = 10\nheads = 4\n", "'heads' (4) has to divide 'features' (10)"),
        (GOOD + "[run]\nbatch = 0\n", "field 'run.batch' is 0; input should be greater than 0"),
        (GOOD + "[optimiser]\nkind = 'sgd'\n", "allowed: 'adamax' or 'adam'"),
        (GOOD + "[loss]\nforces = -1\n", "field 'loss.forces' is -1;"),
        (GOOD + "[data]\nvalidation = 0\n", "field 'data.validation' is 0"),
        (GOOD + "[run]\nepochs = 'many'\n[loss]\nenergy = 'x'\n", "field 'loss.energy'"),
    ],
)
def test_a_wrong_configuration_names_file_field_value_and_remedy(tmp_path, text, said):
    path = tmp_path / "train.toml"
    path.write_text(text)
    with pytest.raises(RunError) as found:
        read_config(path, TrainConfig)
    assert said in str(found.value)
    assert str(path) in str(found.value)


def test_a_missing_file_and_text_in_another_encoding_are_named(tmp_path):
    with pytest.raises(RunError, match="no such file"):
        read_config(tmp_path / "none.toml", TrainConfig)
    (tmp_path / "latin.toml").write_bytes('a = "é"'.encode("latin-1"))
    with pytest.raises(RunError, match="not UTF-8"):
        read_config(tmp_path / "latin.toml", TrainConfig)


def test_a_good_configuration_is_read_whole(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text(GOOD + '[data]\nfiles = ["a.npz"]\n[run]\nepochs = 3\n')
    found = read_config(path, TrainConfig)
    assert (found.run.epochs, found.data.files, found.network.features) == (3, ("a.npz",), 64)


def test_published_weights_weigh_in_our_units_what_they_weigh_in_theirs():
    """One squared kcal/mol, kcal/mol/Å or Debye, times the published weight, is the same loss here."""
    loss, kcal, debye = Loss(), units.kcal / units.mol, units.Debye
    assert loss.energy * kcal**2 == pytest.approx(0.01, rel=1e-5)
    assert loss.forces * kcal**2 == pytest.approx(0.3, rel=1e-5)
    assert loss.virial * kcal**2 == pytest.approx(0.01, rel=1e-5)
    assert loss.dipole * debye**2 == pytest.approx(10, rel=1e-5)
    assert loss.charge == 10


def test_alignment_keeps_the_published_ratio_of_forces_to_pressure(tmp_path):
    """1e6 per (kcal/mol/Å)^2 beside 1 per atm^2."""
    path = tmp_path / "align.toml"
    path.write_text('model = "m"\n[[mixtures]]\nname = "EC"\nframes = ["f"]\ndelta_pressure = -20\n')
    found = read_config(path, AlignConfig)
    atm = 101325 * units.Pascal / (1e6 * units.Pascal)
    kcal = units.kcal / units.mol
    assert (found.stay_forces * kcal**2) / (found.pressure * atm**2) == pytest.approx(1e6, rel=1e-5)


def test_a_student_has_to_be_a_teacher(tmp_path):
    path = tmp_path / "distill.toml"
    path.write_text('teachers = ["a", "b", "c"]\nbulk = ["f"]\nstudent = 3\n[labelled]\nfiles = ["l"]\n')
    with pytest.raises(RunError, match="counted from 0 to 2"):
        read_config(path, DistillConfig)
