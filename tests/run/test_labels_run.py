"""`matdisc labels` from configuration to frozen frames: kept as it goes, continued, refused when it does not fit."""

import json
import sys
import tomllib
from contextlib import nullcontext

import numpy as np
import pytest

pytest.importorskip("tblite", reason="needs the package tblite (matdisc[labels])")

from matdisc.errors import DataError, ExtraError, RunError
from matdisc.models.get.frames import read_frames
from matdisc.models.get.labels.config import LabelConfig, read_label_config
from matdisc.run.engine.pool import Arrival
from matdisc.run.labels import driver
from matdisc.run.labels.driver import make_labels

TEXT = """
seed = 2
equilibrate = 2
[defaults]
trajectories = 2
frames = 2
stride = 3
[[system]]
name = "PF6-"
species = { "PF6-" = 1 }
rattles = 1
[[system]]
name = "Li+-PF6-"
species = { "Li+" = 1, "PF6-" = 1 }
contacts = 1
held_out = true
"""


@pytest.fixture
def config(tmp_path):
    (tmp_path / "c.toml").write_text(TEXT)
    return read_label_config(tmp_path / "c.toml")


def _make(config, tmp_path, out="out", **more):
    return make_labels(config, tmp_path, tmp_path / out, source=TEXT, workers=0, **more)


def test_labels_are_frozen_with_hash_seed_versions_and_held_out_systems(config, tmp_path):
    seen = []
    made = _make(config, tmp_path, progress=lambda done, total, counts: seen.append((done, total)))
    assert seen == [(i, 4) for i in range(5)]
    frames = read_frames(made.path)
    assert len(frames) == 2 * (2 + 2) + 2 * (2 + 1)
    card = tomllib.loads((tmp_path / "out" / "labels.toml").read_text())
    assert card["frames"] == {"file": "frames.npz", "sha256": made.sha256, "count": 14, "atoms": 8 * 7 + 6 * 8}
    assert card["held_out_systems"] == ["Li+-PF6-"]
    assert card["level_of_theory"] == "GFN2-xTB"
    assert card["config"]["seed"] == 2
    assert card["versions"].keys() == {"matdisc", "tblite", "ase", "numpy", "scipy"}
    assert card["systems"] == {"PF6-": 8, "Li+-PF6-": 6}
    assert (tmp_path / "out" / "config.toml").read_text() == TEXT


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(config, tmp_path):
    whole = _make(config, tmp_path)

    def kill(done, total, counts):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _make(config, tmp_path, "other", progress=kill)
    assert not (tmp_path / "other" / "frames.npz").exists()
    with pytest.raises(RunError, match="go on with --resume"):
        _make(config, tmp_path, "other")
    made = _make(config, tmp_path, "other", resume=True)
    assert (made.reused, made.sha256) == (2, whole.sha256)


def test_a_part_that_was_cut_off_is_made_anew(config, tmp_path):
    whole = _make(config, tmp_path)
    part = tmp_path / "out" / "parts" / "PF6-_001.npz"
    part.write_bytes(part.read_bytes()[:100])
    made = _make(config, tmp_path, resume=True)
    assert (made.reused, made.sha256) == (3, whole.sha256)


def test_labels_of_another_configuration_are_not_continued(config, tmp_path):
    _make(config, tmp_path)
    with pytest.raises(RunError, match="made with another configuration"):
        _make(config.model_copy(update={"seed": 3}), tmp_path, resume=True)


def test_what_is_left_out_is_counted_with_its_reason(config, tmp_path):
    made = _make(config.model_copy(update={"largest_force": 2.0}), tmp_path)
    left = sum(len(ones) for ones in made.left_out.values())
    assert 0 < left < 14
    assert len(made.frames) == 14 - left
    card = tomllib.loads((tmp_path / "out" / "labels.toml").read_text())
    assert sum(card["left_out"].values()) == left
    assert all(reason.endswith("forces beyond the limit") for reason in card["left_out"])
    notes = [json.loads(p.read_text()) for p in (tmp_path / "out" / "parts").glob("*.json")]
    assert sum(len(note["left_out"]) for note in notes) == left


def test_if_nothing_has_a_label_the_first_reason_is_told(config, tmp_path):
    with pytest.raises(DataError, match=r"no structure has a label; the first reason: largest force"):
        _make(config.model_copy(update={"largest_force": 1e-6}), tmp_path)


def test_a_users_file_is_labelled_with_the_charges_it_gives(tmp_path):
    (tmp_path / "mine.xyz").write_text("1\ncharge=1\nLi 0 0 0\n2\ncharge=-1\nO 0 0 0\nH 0 0 0.97\n")
    made = make_labels(LabelConfig(files=("mine.xyz",)), tmp_path, tmp_path / "out", workers=0)
    np.testing.assert_array_equal(made.frames.total_charge, [1, -1])
    np.testing.assert_allclose([made.frames.charges[0], made.frames.charges[1:].sum()], [1, -1], atol=1e-6)


WATER = "3\n{}\nO 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n"


def test_charge_and_spin_are_those_that_others_write(tmp_path):
    """Taking two electrons from water costs energy, and its triplet lies above its singlet."""
    comments = ("", "charge=2", "total_charge=2", "spin=3", "multiplicity=3")
    (tmp_path / "mine.xyz").write_text("".join(WATER.format(comment) for comment in comments))
    made = make_labels(LabelConfig(files=("mine.xyz",)), tmp_path, tmp_path / "out", workers=0).frames
    neutral, ion, also_ion, triplet, also_triplet = made.energy
    assert (ion, triplet) == (also_ion, also_triplet)
    assert ion > neutral + 20
    assert triplet > neutral + 1
    np.testing.assert_array_equal(made.total_charge, [0, 2, 2, 0, 0])


def test_charges_and_moments_of_atoms_count_where_nothing_else_says_it(tmp_path):
    columns = "Properties=species:S:1:pos:R:3:initial_charges:R:1:initial_magmoms:R:1"
    (tmp_path / "mine.xyz").write_text(
        f"2\n{columns}\nO 0 0 0 1 2\nH 0 0 0.97 0 0\n2\ncharge=1 spin=3\nO 0 0 0\nH 0 0 0.97\n"
    )
    made = make_labels(LabelConfig(files=("mine.xyz",)), tmp_path, tmp_path / "out", workers=0).frames
    assert made.total_charge.tolist() == [1, 1]
    assert made.energy[0] == made.energy[1]


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("charge=1 total_charge=0", "mine, frame 1: 'charge' is 1 and 'total_charge' is 0"),
        ("charge=neutral", "mine, frame 1: field 'charge' is 'neutral'"),
        ("spin=2", "mine, frame 1: 10 electrons"),
        ("charge=0.5", "mine, frame 1: charge 0.5 is no whole number"),
        ("trajectory=run-0", "mine, frame 1: field 'trajectory' is 'run-0'"),
        ('occupancy="1 0.5 1"', "mine, frame 1: site 1 .* occupancy H 0.5"),
    ],
)
def test_a_structure_that_cannot_be_meant_is_named_before_work_starts(tmp_path, comment, message):
    (tmp_path / "mine.xyz").write_text(WATER.format("") + WATER.format(comment))
    with pytest.raises(DataError, match=message):
        make_labels(LabelConfig(files=("mine.xyz",)), tmp_path, tmp_path / "out", workers=0)
    assert not (tmp_path / "out").exists()


def test_labels_of_another_spin_are_not_taken_for_those_asked_for(tmp_path):
    for comment in ("spin=1", "spin=3"):
        (tmp_path / "mine.xyz").write_text(WATER.format(comment))
        if comment == "spin=3":
            with pytest.raises(RunError, match="made with another configuration"):
                make_labels(LabelConfig(files=("mine.xyz",)), tmp_path, tmp_path / "out", workers=0, resume=True)
        else:
            make_labels(LabelConfig(files=("mine.xyz",)), tmp_path, tmp_path / "out", workers=0)


def test_fields_like_a_charge_that_are_not_read_are_told(tmp_path):
    (tmp_path / "mine.xyz").write_text(WATER.format("formal_charge=1"))
    lines = []
    make_labels(LabelConfig(files=("mine.xyz",)), tmp_path, tmp_path / "out", workers=0, say=lines.append)
    assert len(lines) == 1
    assert "'formal_charge' is not read" in lines[0]


def test_a_missing_and_an_unreadable_file_are_named(tmp_path):
    (tmp_path / "bad.xyz").write_text("nothing\n")
    for name, message in (("none.xyz", "does not exist"), ("bad.xyz", "line 1 is 'nothing'")):
        with pytest.raises(DataError, match=message):
            make_labels(LabelConfig(files=(name,)), tmp_path, tmp_path / "out", workers=0)


def test_without_tblite_the_extra_is_named(config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tblite", None)
    with pytest.raises(ExtraError, match=r"matdisc\[labels\]"):
        _make(config, tmp_path)


def test_labels_whose_worker_dies_twice_are_left_out_and_made_when_the_run_goes_on(config, tmp_path, monkeypatch):
    tries = []

    class DeadlyPool:
        def __init__(self, function, arguments, workers, **options):
            self.function, self.arguments = function, arguments

        def arrivals(self, next_item):
            while (work := next_item()) is not None:
                tries.append(work.key)
                if work.key == "PF6-_001":
                    yield [Arrival(work, death=OSError("gone"))]
                else:
                    yield [*(Arrival(work, result) for result in self.function(*self.arguments(work))), Arrival(work)]

    monkeypatch.setattr(driver, "ray_cluster", lambda *arguments: nullcontext())
    monkeypatch.setattr(driver, "TaskPool", DeadlyPool)
    made = make_labels(config, tmp_path, tmp_path / "out", source=TEXT, workers=2)
    assert (len(tries), tries.count("PF6-_001")) == (5, 2)
    assert [one.why for one in made.left_out.pop("PF6-_001")] == ["its worker died (OSError); often out of memory"]
    assert made.left_out == {}
    whole = _make(config, tmp_path, "whole")
    again = _make(config, tmp_path, resume=True)
    assert (again.reused, again.sha256) == (3, whole.sha256)


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_ray_tasks_give_the_same_bytes_as_this_process(config, tmp_path):
    made = make_labels(config, tmp_path, tmp_path / "ray", source=TEXT, workers=2)
    assert made.sha256 == _make(config, tmp_path).sha256
