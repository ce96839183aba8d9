"""Training: what it learns, what it keeps, and that a stop changes nothing."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from water_toys import toy_frames

from matdisc.errors import DataError, RunError
from matdisc.models.get.files import load
from matdisc.models.get.frames import from_atoms, to_atoms, write_frames
from matdisc.models.get.reference.dispersion import C6
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.settings import Settings
from matdisc.models.get.training.baseline import fit_baseline
from matdisc.models.get.training.config import TrainConfig
from matdisc.models.get.training.samples import read_data, samples_of, split_parts
from matdisc.models.get.training.training import train

NET = {"features": 8, "heads": 2, "radial": 8, "layers": 2, "level_of_theory": "toy"}
SETTINGS = """
[network]
features = 8
heads = 2
radial = 8
layers = 2
level_of_theory = "toy"
[data]
files = ["frames.npz"]
[optimiser]
kind = "adam"
learning_rate = 0.005
ema = 0.9
[run]
epochs = {epochs}
batch = 8
checkpoint_seconds = 0.001
"""


def config(**changes):
    return TrainConfig.model_validate({
        "network": NET,
        "optimiser": {"kind": "adam", "learning_rate": 5e-3, "weight_decay": 0, "decay": "linear", "ema": 0.9},
        "run": {"epochs": 4, "batch": 8, "checkpoint_seconds": 1e-3} | changes.pop("run", {}),
    } | changes)  # fmt: skip


def weights_of(folder):
    return {name: value.numpy() for name, value in load(folder / "model").network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


class Killed(Exception):
    pass


def killed_after(steps):
    def report(done, total, counts):
        if done == steps:
            raise Killed

    return report


@pytest.fixture(scope="module")
def frames():
    return toy_frames(32)


@pytest.fixture(scope="module")
def uninterrupted(frames, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    return train(config(), frames, out), weights_of(out)


def test_training_beats_the_dummy_on_frames_that_were_not_learned_from(uninterrupted):
    ended, _ = uninterrupted
    forces = next(r for r in ended.rows if (r.part, r.system, r.quantity) == ("validation", "all", "forces"))
    assert forces.rmse < 0.8 * forces.dummy_rmse


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 5, 8])
def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_happened(frames, tmp_path, uninterrupted, steps):
    with pytest.raises(Killed):
        train(config(), frames, tmp_path, report=killed_after(steps))
    ended = train(config(), frames, tmp_path, resume=True)
    assert ended.finished
    assert ended.best_epoch == uninterrupted[0].best_epoch
    assert same(weights_of(tmp_path), uninterrupted[1])


def test_another_seed_gives_other_weights(frames, tmp_path, uninterrupted):
    train(config(run={"seed": 1}), frames, tmp_path)
    assert not same(weights_of(tmp_path), uninterrupted[1])


def test_time_that_is_up_leaves_a_training_that_can_go_on(frames, tmp_path, uninterrupted):
    ended = train(config(run={"minutes": 1e-6}), frames, tmp_path)
    assert not ended.finished
    assert train(config(), frames, tmp_path, resume=True).finished
    assert same(weights_of(tmp_path), uninterrupted[1])


def test_ctrl_c_ends_the_step_and_leaves_a_checkpoint(frames, tmp_path):
    def interrupt(done, total, counts):
        if done == 3:
            signal.raise_signal(signal.SIGINT)

    ended = train(config(run={"checkpoint_seconds": 1e6}), frames, tmp_path, report=interrupt)
    assert not ended.finished
    assert not (tmp_path / "model").exists()
    assert train(config(), frames, tmp_path, resume=True).finished


def test_the_weights_of_the_lowest_validation_loss_are_kept(frames, tmp_path):
    """A rate that is far too large spoils the weights after the first epochs."""
    spoiling = {"kind": "adam", "learning_rate": 5e-2, "decay": "none"}
    ended = train(config(optimiser=spoiling, run={"epochs": 6}), frames, tmp_path)
    losses = [float(row["validation_loss"]) for row in csv.DictReader((tmp_path / "curves.csv").open())]
    assert len(losses) == 6
    assert ended.best_epoch == 1 + int(np.argmin(losses))


def test_a_second_training_in_a_folder_has_to_be_a_resumed_one(frames, tmp_path):
    train(config(run={"epochs": 1}), frames, tmp_path)
    with pytest.raises(RunError, match="--resume"):
        train(config(run={"epochs": 1}), frames, tmp_path)
    with pytest.raises(RunError, match="another configuration"):
        train(config(run={"epochs": 2}), frames, tmp_path, resume=True)
    with pytest.raises(RunError, match="no checkpoint"):
        train(config(), frames, tmp_path / "empty", resume=True)


def test_a_damaged_checkpoint_is_named(frames, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(b"half a file")
    with pytest.raises(RunError, match="not a checkpoint"):
        train(config(), frames, tmp_path, resume=True)


def test_a_loss_that_is_not_finite_stops_the_training_with_a_remedy(frames, tmp_path):
    wild = {"kind": "adam", "learning_rate": 1e30, "clip": None}
    with pytest.raises(RunError, match="learning_rate"):
        train(config(optimiser=wild), frames, tmp_path)


def test_a_device_that_is_not_there_is_named(frames, tmp_path):
    with pytest.raises(RunError, match="device"):
        train(config(run={"device": "no-such-device"}), frames, tmp_path)


@pytest.mark.slow
def test_in_the_mode_of_the_paper_the_penalty_shrinks_the_force_that_is_left_out(frames, tmp_path):
    def residual(weight):
        network = NET | {"conservative": False}
        ended = train(config(network=network, loss={"residual": weight}), frames, tmp_path / str(weight))
        (row,) = (r for r in ended.rows if (r.part, r.system, r.quantity) == ("train", "all", "charge-force residual"))
        return row.rmse

    assert residual(159540.0) < 0.5 * residual(0.0)


def test_the_saved_model_gives_total_energies_with_the_baseline_of_the_training_part(frames, uninterrupted):
    ended, _ = uninterrupted
    model = load(ended.folder / "model")
    said = float(model.answer(model.graph([to_atoms(frames, 0)])).energy)
    assert said == pytest.approx(float(frames.energy[0]), abs=1.0)
    assert sorted(model.settings.baseline) == [1, 8]


def test_the_baseline_is_fitted_to_the_training_part_alone(frames):
    parts = split_parts(frames, validation=0.2)
    moved = replace(parts.validation, energy=parts.validation.energy + 1e3)
    assert fit_baseline(parts.train) == fit_baseline(split_parts(frames, validation=0.2).train)
    assert moved.energy.mean() > 900  # and nothing of it is in the line above
    assert np.isfinite(list(fit_baseline(parts.train).values())).all()


def test_trajectories_and_held_out_systems_are_never_torn(frames):
    parts = split_parts(frames, validation=0.3, held_out_systems=["2 water"])
    assert set(parts.held_out.system) == {"2 water"}
    assert set(parts.train.system) == {"1 water"}
    assert not set(parts.train.trajectory) & set(parts.validation.trajectory)


def test_an_empty_part_and_an_unknown_system_are_named(frames):
    with pytest.raises(DataError, match="3 water"):
        split_parts(frames, validation=0.2, held_out_systems=["3 water"])
    with pytest.raises(DataError, match="every system is held out"):
        split_parts(frames, validation=0.2, held_out_systems=["1 water", "2 water"])
    with pytest.raises(DataError, match="largest_force"):
        split_parts(frames, validation=0.2, largest_force=1e-9)


def test_bad_data_are_named(tmp_path):
    with pytest.raises(DataError, match="no data"):
        read_data([])
    with pytest.raises(DataError, match="no such file"):
        read_data([tmp_path / "none.xyz"])
    (tmp_path / "unlabelled.xyz").write_text("1\nProperties=species:S:1:pos:R:3\nH 0 0 0\n")
    with pytest.raises(DataError, match="frame 0 has no energy"):
        read_data([tmp_path / "unlabelled.xyz"])
    (tmp_path / "nan.xyz").write_text("1\nProperties=species:S:1:pos:R:3:forces:R:3 energy=nan\nH 0 0 0 0 0 0\n")
    with pytest.raises(DataError, match="'energy' is not finite"):
        read_data([tmp_path / "nan.xyz"])
    (tmp_path / "heavy.xyz").write_text("1\nProperties=species:S:1:pos:R:3:forces:R:3 energy=1\nU 0 0 0 0 0 0\n")
    with pytest.raises(DataError, match="atomic number 92"):
        read_data([tmp_path / "heavy.xyz"])


def test_periodic_frames_are_batched_with_their_boxes(tmp_path):
    """A batch drawn from the store is the graph made anew."""
    import torch
    from ase.build import bulk

    from matdisc.models.get.frames import from_atoms
    from matdisc.models.get.reference.graph import graph_of
    from matdisc.models.get.reference.potential import GET
    from matdisc.models.get.settings import Settings
    from matdisc.models.get.training.samples import samples_of

    made = [bulk("Cu", cubic=True), to_atoms(toy_frames(1), 0), bulk("Cu", "fcc", a=3.9)]
    for atoms in made:
        atoms.calc = None
        atoms.info |= {"energy": 0.0}
        atoms.set_array("forces", np.zeros((len(atoms), 3)))
    model = GET(Settings(features=8, heads=2, radial=8, layers=2)).double()
    samples = samples_of(from_atoms(made), Settings(), {}, dtype=torch.float64)
    drawn = model.answer(samples.batch([2, 1, 0])[0])
    fresh = model.answer(graph_of([made[2], made[1], made[0]], 5.0))
    assert drawn.energy.numpy() == pytest.approx(fresh.energy.numpy(), abs=1e-10)
    assert drawn.forces.numpy() == pytest.approx(fresh.forces.numpy(), abs=1e-10)


@pytest.mark.slow
def test_a_training_survives_the_death_of_its_process(tmp_path):
    from matdisc.cli.train import app

    (tmp_path / "train.toml").write_text(SETTINGS.format(epochs=15))
    write_frames(tmp_path / "frames.npz", toy_frames(32))
    code = "from matdisc.cli.train import app; app()"
    call = [sys.executable, "-c", code, "get", str(tmp_path / "train.toml"), "--out"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    dying = subprocess.Popen([*call, str(tmp_path / "a")], env=environment, stderr=subprocess.DEVNULL)
    while not (tmp_path / "a" / "curves.csv").exists() and dying.poll() is None:
        time.sleep(0.05)
    assert dying.poll() is None, "it has to be killed in its course"
    dying.kill()
    dying.wait()
    subprocess.run([*call, str(tmp_path / "a"), "--resume"], env=environment, check=True, capture_output=True)
    app([*call[3:], str(tmp_path / "b")], standalone_mode=False)
    assert same(weights_of(tmp_path / "a"), weights_of(tmp_path / "b"))


def test_a_model_with_dispersion_has_the_table_s_coefficients_unless_its_own_are_given(frames, tmp_path):
    network = NET | {"dispersion": True, "dispersion_c6": {"H": 1.5}}
    train(config(network=network, run={"epochs": 1}), frames, tmp_path)
    settings = load(tmp_path / "model").settings
    assert settings.dispersion_c6 == {1: 1.5, 8: C6[8]}
    with pytest.raises(ValueError, match="'Xx' is no element"):
        config(network=NET | {"dispersion_c6": {"Xx": 1.0}})


def test_boxes_are_learned_with_all_the_pairs_of_dispersion():
    """A box of 6 Å has pairs up to 10 Å, whatever Ewald's cut is."""
    from ase import Atoms

    box = Atoms("H2O", [[0, 0, 0.7], [0.7, 0, 0], [0, 0, 0]], cell=6 * np.eye(3), pbc=True)
    box.info["energy"] = 0.0
    box.set_array("forces", np.zeros((3, 3)))
    settings = Settings(**NET | {"heads": 2}, dispersion=True, elements=(1, 8), dispersion_c6={1: 1.0, 8: 12.0})
    model = GET(settings).double()
    samples = samples_of(from_atoms([box]), settings, {}, dtype=torch.float64)
    learned = model.answer(samples.batch([0])[0]).energy
    assert float(learned[0]) == pytest.approx(float(model.answer(model.graph([box])).energy[0]), abs=1e-9)
