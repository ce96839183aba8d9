"""Distillation: what the teachers agree on is learned, their spread is kept, and only the energy head moves."""

import numpy as np
import pytest
from ase import Atoms
from water_toys import toy_frames

from matdisc.errors import DataError, RunError
from matdisc.models.get.files import load, save
from matdisc.models.get.frames import read_frames, to_atoms, write_frames
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.settings import Settings
from matdisc.models.get.training.bulk import read_structures, teacher_labels
from matdisc.models.get.training.config import DistillConfig, Stability, TrainConfig, read_config
from matdisc.models.get.training.distillation import distil
from matdisc.models.get.training.stability import mean_survival, survival_times
from matdisc.models.get.training.training import train

NET = {"features": 8, "heads": 2, "radial": 8, "layers": 2, "level_of_theory": "toy"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three teachers of unlike seeds, clusters, and bulk frames of more waters than any cluster has."""
    place = tmp_path_factory.mktemp("distil")
    frames = toy_frames(20)
    for seed in range(3):
        config = TrainConfig.model_validate({
            "network": NET, "optimiser": {"kind": "adam", "learning_rate": 1e-2, "weight_decay": 0},
            "run": {"epochs": 3, "batch": 8, "seed": seed},
        })  # fmt: skip
        train(config, frames, place / f"seed-{seed}")
    write_frames(place / "clusters.npz", frames)
    write_frames(place / "bulk.npz", toy_frames(6, seed=5, waters=(4,), rattle=0.1))
    return place


def config(**changes):
    return DistillConfig.model_validate({
        "teachers": [f"seed-{seed}/model" for seed in range(3)], "bulk": ["bulk.npz"],
        "labelled": {"files": ["clusters.npz"], "batch": 8},
        "run": {"epochs": 6, "learning_rate": 2e-3, "validate_every": 2},
    } | changes)  # fmt: skip


@pytest.fixture(scope="module")
def distilled(folder):
    return distil(config(), folder, folder / "out")


@pytest.mark.slow
def test_distillation_reduces_the_spread_between_seeds_on_frames_nobody_learned_from(distilled):
    (spread,) = (change for change in distilled.changes if change.what.startswith("spread"))
    assert 0 < spread.after < 0.9 * spread.before


@pytest.mark.slow
def test_errors_on_clusters_are_told_before_and_after(distilled):
    (forces,) = (change for change in distilled.changes if change.what == "forces MAE, clusters, validation")
    assert forces.after < 1.25 * forces.before


def test_only_the_energy_head_moves(distilled, folder):
    before = load(folder / "seed-1" / "model").state_dict()
    after = load(distilled.students[1]).state_dict()
    moved = {name for name in before if not np.array_equal(before[name].numpy(), after[name].numpy())}
    assert moved
    assert all(name.startswith("network.heads.energy.") for name in moved)


def test_mean_and_spread_of_the_teachers_are_stored(distilled, folder):
    mean = read_frames(folder / "out" / "teachers.npz")
    with np.load(folder / "out" / "teachers-spread.npz", allow_pickle=False) as file:
        spread = file["forces_spread"]
    models = [load(folder / f"seed-{seed}" / "model") for seed in range(3)]
    said = np.stack([m.answer(m.graph([to_atoms(mean, 0)])).forces.numpy() for m in models])
    rows = mean.atoms_of(0)
    assert mean.forces[rows] == pytest.approx(said.mean(axis=0), abs=1e-4)
    assert spread[rows] == pytest.approx(said.std(axis=0, ddof=1), abs=1e-4)


def test_survival_is_given_before_and_after_in_the_picoseconds_asked_for(folder):
    asked = {"picoseconds": 0.01, "temperature": 50, "timestep": 0.5, "runs": 2}
    short = config(student=0, stability=asked, run={"epochs": 1, "learning_rate": 1e-4})
    found = {change.what: change for change in distil(short, folder, folder / "steady").changes}
    whole, broken = found["whole, of 0.01 ps"], found["broken, of 2 runs"]
    assert (whole.before, whole.after, whole.unit, whole.difference) == (0.01, 0.01, "ps", "+0 [0, 0]")
    assert (broken.before, broken.after) == (0, 0)


def survival(models, **settings):
    atoms = to_atoms(toy_frames(1, waters=(2,)), 0)
    return survival_times(models, [atoms], Stability(picoseconds=0.02, **settings)).tolist()


def test_a_start_that_dynamics_refuses_does_not_survive_at_all(monkeypatch):
    monkeypatch.setattr("matdisc.physics.md.trajectory.EXPLODING", 1e-9)
    assert survival([GET(Settings(**NET, elements=(1, 8)))]) == [[0]]


def test_a_structure_that_flies_apart_does_not_survive_for_long():
    """At ten million kelvin a hydrogen atom moves some 3 Å in a femtosecond, more than the 2 Å that are let pass."""
    model = GET(Settings(**NET, elements=(1, 8)))
    assert survival([model, model], temperature=50, timestep=1.0, runs=2) == [[0.02, 0.02], [0.02, 0.02]]
    assert survival([model], temperature=1e7, timestep=1.0)[0][0] < 0.01


def test_equal_models_survive_equally_long_whatever_else_is_simulated():
    model = GET(Settings(**NET, elements=(1, 8)))
    hot = {"temperature": 2e4, "timestep": 0.5}
    first, second = survival([model, model], runs=3, **hot)
    assert first == second
    assert first[0] == survival([model], **hot)[0][0]


def test_a_strained_start_needs_molecules():
    with pytest.raises(DataError, match="molecule"):
        survival_times([], [Atoms("H2", [[0, 0, 0], [0, 0, 1]])], Stability(strain=-0.05))


def test_the_difference_of_survival_is_paired_by_run():
    """Runs that live 1, 2 and 4 ps, and each 1 ps longer afterwards: the difference is 1 ps without any doubt."""
    before = np.array([[1.0, 2.0, 4.0]])
    found = mean_survival(before, before + 1)
    assert found["difference"] == (pytest.approx(1), (pytest.approx(1), pytest.approx(1)))
    mean, (low, high) = found["before"]
    assert mean == pytest.approx(7 / 3)
    assert 1 <= low < mean < high <= 4


def test_models_that_agree_have_no_spread_and_offsets_do_not_count():
    settings = Settings(**NET, elements=(1, 8))
    one, shifted = GET(settings), GET(Settings(**NET, elements=(1, 8), baseline={1: 1.0, 8: -2.5}))
    structures = [to_atoms(toy_frames(4, waters=(2,)), f) for f in range(4)]
    found = teacher_labels([one, shifted], structures)
    assert found.force_spread == 0
    assert found.energy_spread == pytest.approx(0, abs=1e-9)
    assert found.frames.energy[0] == pytest.approx((found.each[0].energy[0] + found.each[1].energy[0]) / 2)


def test_two_forces_that_differ_by_two_have_a_spread_of_root_two():
    """Forces +1 and -1 along x: standard deviation sqrt(2), over all atoms and for each frame."""
    from matdisc.models.get.training.bulk import TeacherLabels

    frames = toy_frames(1, waters=(1,))
    spread = np.zeros((3, 3))
    spread[:, 0] = np.std([1.0, -1.0], ddof=1)
    found = TeacherLabels(frames, np.zeros(1), spread, np.zeros((1, 3, 3)), ())
    assert found.force_spread == pytest.approx(np.sqrt(2))
    assert found.of_frames() == pytest.approx([np.sqrt(2)])


def test_too_few_teachers_and_unknown_elements_are_named(tmp_path):
    (tmp_path / "few.toml").write_text('teachers = ["a", "b"]\nbulk = ["c"]\n[labelled]\nfiles = ["d"]\n')
    with pytest.raises(RunError, match="field 'teachers'"):
        read_config(tmp_path / "few.toml", DistillConfig)
    with pytest.raises(DataError, match="atomic number 8"):
        teacher_labels([GET(Settings(**NET, elements=(1,)))], [to_atoms(toy_frames(1), 0)])
    with pytest.raises(DataError, match="no such file"):
        read_structures([tmp_path / "none.xyz"])
    save(tmp_path / "m", GET(Settings(**NET)), about={})
    with pytest.raises(DataError):
        distil(config(teachers=["m", "m", "absent"]), tmp_path, tmp_path / "out")
