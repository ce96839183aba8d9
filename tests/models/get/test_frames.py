"""Labelled frames: what is written is read, nothing is torn apart, and bad labels are named."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from matdisc.errors import DataError
from matdisc.models.get.frames import from_atoms, join, read_frames, split, to_atoms, write_frames


def _labelled(n_atoms=3, seed=0, system="argon", trajectory=0, charge=1.0):
    rng = np.random.default_rng(seed)
    atoms = Atoms("Ar" * n_atoms, rng.normal(size=(n_atoms, 3)))
    atoms.info |= {"system": system, "trajectory": trajectory, "charge": charge, "virial": rng.normal(size=(3, 3))}
    atoms.set_array("molecule", np.arange(n_atoms))
    labels = {"energy": rng.normal(), "forces": rng.normal(size=(n_atoms, 3)), "charges": rng.normal(size=n_atoms)}
    atoms.calc = SinglePointCalculator(atoms, dipole=rng.normal(size=3), **labels)
    return atoms


def _same(a, b):
    for name in a.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_frames_are_read_as_they_were_written_and_equal_frames_have_equal_hashes(tmp_path):
    frames = from_atoms([_labelled(3, 0), _labelled(5, 1, "krypton", 7, -1.0)])
    first = write_frames(tmp_path / "a.npz", frames)
    _same(read_frames(tmp_path / "a.npz"), frames)
    assert write_frames(tmp_path / "b.npz", frames) == first
    assert frames.frame_ptr.tolist() == [0, 3, 8]
    assert frames.total_charge.tolist() == [1.0, -1.0]


def test_a_frame_becomes_atoms_and_a_frame_again():
    frames = from_atoms([_labelled(3, 0), _labelled(5, 1)])
    _same(from_atoms([to_atoms(frames, i) for i in range(2)]), frames)


def test_the_virial_of_a_periodic_frame_is_minus_stress_times_volume():
    atoms = bulk("Cu", a=3.4)  # compressed: it wants to expand, so the virial is positive
    atoms.calc = EMT()
    expected = -atoms.get_stress(voigt=False) * atoms.get_volume()
    atoms.get_forces()
    frames = from_atoms([atoms])
    np.testing.assert_allclose(frames.virial[0], expected)
    assert np.trace(frames.virial[0]) > 0
    np.testing.assert_allclose(to_atoms(frames, 0).get_stress(), atoms.get_stress())


def test_labels_that_are_absent_are_nan_and_stay_absent():
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 0.7]])
    atoms.info["energy"] = -1.0
    atoms.set_array("forces", np.zeros((2, 3)))
    frames = from_atoms([atoms])
    assert np.isnan(frames.charges).all()
    assert np.isnan(frames.dipole).all()
    assert np.isnan(frames.virial).all()
    assert "charges" not in to_atoms(frames, 0).calc.results
    assert frames.system.tolist() == ["H2"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a.calc.results.pop("energy"), "frame 1 has no energy"),
        (lambda a: a.calc.results.pop("forces"), "frame 1 has no forces"),
        (lambda a: a.calc.results.update(energy=np.nan), "frame 1: 'energy' is not finite"),
        (lambda a: a.calc.results["forces"].__setitem__((0, 1), np.inf), "frame 1: 'forces' is not finite"),
        (lambda a: a.calc.results["charges"].__setitem__(0, np.nan), "frame 1: 'charges' is nan in part"),
        (lambda a: a.calc.results["dipole"].__setitem__(0, np.inf), "frame 1: 'dipole' is infinite"),
    ],
)
def test_a_missing_or_broken_label_is_named_with_its_frame(spoil, message):
    second = _labelled(4, 1)
    spoil(second)
    with pytest.raises(DataError, match=message):
        from_atoms([_labelled(3, 0), second], "mine.xyz")


def test_no_frames_is_a_named_error():
    with pytest.raises(DataError, match="no structures"):
        from_atoms([])


def test_a_damaged_a_missing_and_an_incomplete_file_are_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_frames(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match="is no file of frames"):
        read_frames(tmp_path / "bad.npz")
    np.savez(tmp_path / "few.npz", energy=np.zeros(2))
    with pytest.raises(DataError, match="lacks the array"):
        read_frames(tmp_path / "few.npz")


def test_a_pickled_array_is_refused(tmp_path):
    np.savez(tmp_path / "p.npz", energy=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="is no file of frames"):
        read_frames(tmp_path / "p.npz")


def test_taking_frames_keeps_their_atoms_in_the_order_asked_for():
    frames = from_atoms([_labelled(n, n) for n in (2, 3, 4)])
    taken = frames.take([2, 0])
    assert taken.n_atoms.tolist() == [4, 2]
    np.testing.assert_array_equal(taken.forces, np.concatenate([frames.forces[5:9], frames.forces[:2]]))
    _same(frames.take(np.array([False, True, False])), frames.take([1]))
    assert len(frames.take([])) == 0


@pytest.mark.parametrize("by", ["trajectory", "system"])
def test_a_split_tears_no_group_apart_and_loses_no_frame(by):
    made = [_labelled(2, i, f"s{i % 3}", i % 6) for i in range(60)]
    frames = from_atoms(made)
    parts = split(frames, fractions=(0.6, 0.2, 0.2), seed=3, by=by)
    assert sum(len(part) for part in parts) == 60
    groups = [{(s, t if by == "trajectory" else 0) for s, t in zip(p.system, p.trajectory, strict=True)} for p in parts]
    assert all(groups)
    assert sum(len(g) for g in groups) == len(set.union(*groups))
    assert sorted(np.concatenate([p.energy for p in parts])) == sorted(frames.energy)
    again = split(frames, fractions=(0.6, 0.2, 0.2), seed=3, by=by)
    for a, b in zip(parts, again, strict=True):
        _same(a, b)


def test_a_split_meets_its_shares_when_groups_are_small():
    frames = from_atoms([_labelled(2, i, "s", i) for i in range(50)])
    assert [len(p) for p in split(frames, fractions=(0.8, 0.2), seed=0)] == [40, 10]


def test_one_trajectory_cannot_be_split():
    frames = from_atoms([_labelled(2, i) for i in range(4)])
    with pytest.raises(DataError, match="cannot be split into 2 parts"):
        split(frames, fractions=(0.5, 0.5), seed=0)


def test_joined_sets_keep_all_frames():
    a, b = from_atoms([_labelled(2, 0)]), from_atoms([_labelled(3, 1), _labelled(1, 2)])
    both = join([a, b])
    assert both.frame_ptr.tolist() == [0, 2, 5, 6]
    _same(both.take([1, 2]), b)
