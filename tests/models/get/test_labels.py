"""Making labelled structures: each kind is what it is called, failures keep their reasons, seeds decide everything."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

pytest.importorskip("tblite", reason="needs the package tblite (matdisc[labels])")

from matdisc.errors import DataError, RunError
from matdisc.models.get.labels.config import LabelConfig, read_label_config
from matdisc.models.get.labels.labels import label_work, wall, works
from matdisc.models.get.labels.xtb import NoLabel, Xtb
from matdisc.physics.molecules.packing import closest_contact
from matdisc.physics.molecules.species import species

RECIPES = Path(__file__).parents[3] / "models" / "get-mini"
SMALL = {"name": "pair", "species": {"EC": 1, "Li+": 1}, "frames": 3, "stride": 5, "rattles": 1, "contacts": 2}


def _config(**more):
    return LabelConfig.model_validate({"seed": 4, "equilibrate": 5, "system": [{**SMALL, **more}]})


def _first(config):
    return label_work(works(config, {}, {})[0])


@pytest.fixture(scope="module")
def made():
    return _first(_config())


def test_dynamics_rattled_copies_and_contacts_make_up_a_trajectory(made):
    frames = made.frames
    assert (len(frames), made.left_out) == (3 + 3 + 2, [])
    assert set(frames.system) == {"pair"}
    assert set(frames.trajectory) == {0}
    np.testing.assert_array_equal(frames.total_charge, 1.0)
    np.testing.assert_array_equal(frames.molecule[:11], [0] * 10 + [1])


def test_labels_are_those_of_the_stored_positions_and_hold_no_wall(made):
    frames = made.frames
    for i in (0, 4, 7):
        rows = frames.atoms_of(i)
        label = Xtb(frames.numbers[rows], charge=1).label(frames.positions[rows])
        assert frames.energy[i] == pytest.approx(label.energy, abs=1e-4)
        np.testing.assert_allclose(frames.forces[rows], label.forces, atol=2e-3)
        np.testing.assert_allclose(frames.dipole[i], label.dipole, atol=2e-3)
        assert frames.charges[rows].sum() == pytest.approx(1.0, abs=1e-6)


def test_equal_seeds_give_equal_labels_and_other_trajectories_do_not(made):
    again = _first(_config())
    np.testing.assert_array_equal(again.frames.positions, made.frames.positions)
    np.testing.assert_array_equal(again.frames.forces, made.frames.forces)
    other = label_work(works(_config(trajectories=2), {}, {})[1])
    assert set(other.frames.trajectory) == {1}
    assert not np.allclose(other.frames.positions[:11], made.frames.positions[:11])


def test_contacts_are_as_close_as_asked_for():
    frames = _first(_config(frames=1, rattles=0, contacts=4, closest=[0.6, 0.65])).frames
    for i in range(1, 5):
        rows = frames.atoms_of(i)
        atoms = Atoms(frames.numbers[rows], frames.positions[rows])
        atoms.set_array("molecule", frames.molecule[rows])
        assert 0.6 <= closest_contact(atoms) <= 0.6501


def test_too_strong_forces_are_left_out_and_counted():
    config = _config(frames=0, rattles=2, contacts=0).model_copy(update={"largest_force": 0.01})
    made = _first(config)
    assert made.frames is None
    assert [one.kind for one in made.left_out] == ["rattled", "rattled"]
    assert "above 0.01" in made.left_out[0].why


def test_charges_that_do_not_converge_end_a_trajectory_with_a_reason_and_keep_its_frames(monkeypatch):
    asked = []
    solve = Xtb.label

    def fails_at_the_eighth(self, positions, cell=None):
        asked.append(positions)
        if len(asked) == 8:
            raise NoLabel("SCF not converged in 250 cycles")
        return solve(self, positions, cell)

    monkeypatch.setattr(Xtb, "label", fails_at_the_eighth)
    made = _first(_config(contacts=0))
    assert len(made.frames) == 2  # step 5 and its rattled copy
    assert [(one.kind, one.number) for one in made.left_out] == [("dynamics", 1)]
    assert made.left_out[0].why == "ended at step 7: SCF not converged in 250 cycles"


def test_what_cannot_be_packed_is_a_reason_and_not_a_crash():
    made = _first(_config(species={"EC": 8}, density=3.0, periodic=True, contacts=0))
    assert made.frames is None
    assert "no packing found" in made.left_out[0].why


def test_a_box_has_no_dipole_and_neutral_charges(monkeypatch):
    monkeypatch.setattr(Xtb, "label", lambda self, positions, cell: _flat_label(len(positions)))
    frames = _first(_config(species={"EC": 8}, periodic=True, frames=0, rattles=2, contacts=0)).frames
    assert len(frames) == 2
    assert frames.pbc.all()
    assert np.isnan(frames.dipole).all()
    assert not np.isnan(frames.virial).any()
    with pytest.raises(DataError, match=r"add up to \+1 e"):
        works(_config(periodic=True, contacts=0), {}, {})


def _flat_label(n):
    from matdisc.models.get.labels.xtb import Label

    return Label(-1.0, np.zeros((n, 3)), np.zeros(n), np.zeros(3), np.zeros((3, 3)))


def test_the_wall_is_felt_outside_only_and_its_force_is_its_slope():
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(20, 3)) * 3
    energy, forces = wall(positions, 4.0, 0.5)
    far = np.linalg.norm(positions, axis=1)
    assert 0 < (far > 4).sum() < 20
    np.testing.assert_array_equal(np.abs(forces).sum(axis=1) > 0, far > 4)
    step = np.zeros_like(positions)
    step[far.argmax(), 1] = 1e-5
    slope = (wall(positions + step, 4.0, 0.5)[0] - wall(positions - step, 4.0, 0.5)[0]) / 2e-5
    assert forces[far.argmax(), 1] == pytest.approx(-slope, abs=1e-6)
    assert energy == pytest.approx(0.25 * (np.maximum(far - 4, 0) ** 2).sum())


def test_a_users_structures_keep_their_charge_system_and_failures():
    good = Atoms(species("PF6-").symbols, species("PF6-").positions, info={"charge": -1, "system": "anion"})
    bad = good.copy()
    bad.positions[1] = bad.positions[0]
    found = works(LabelConfig(files=("mine.xyz",)), {}, {"mine": [good, bad, good]})
    made = label_work(found[0])
    assert set(made.frames.system) == {"anion"}
    np.testing.assert_array_equal(made.frames.total_charge, [-1, -1])
    assert [(one.kind, one.number) for one in made.left_out] == [("mine", 1)]
    assert "close" in made.left_out[0].why


def test_a_users_structure_with_a_wrong_charge_is_named_before_work_starts():
    ion = Atoms(species("PF6-").symbols, species("PF6-").positions)
    with pytest.raises(DataError, match=r"mine, frame 1: 69 electrons \(charge 0\)"):
        works(LabelConfig(files=("mine.xyz",)), {}, {"mine": [Atoms("He"), ion]})
    slab = Atoms("He", cell=[4, 4, 4], pbc=[True, True, False])
    with pytest.raises(DataError, match="frame 0: periodic in some directions only"):
        works(LabelConfig(files=("mine.xyz",)), {}, {"mine": [slab]})


def test_systems_take_from_defaults_what_they_do_not_say(tmp_path):
    (tmp_path / "c.toml").write_text(
        '[defaults]\nframes = 9\nstride = 7\n[[system]]\nname = "a"\nspecies = {EC = 1}\n'
        '[[system]]\nname = "b"\nspecies = {"Li+" = 1}\nframes = 2\n'
    )
    a, b = read_label_config(tmp_path / "c.toml").system
    assert (a.frames, a.stride, b.frames, b.stride) == (9, 7, 2, 7)


GOOD = 'name = "a"\nspecies = { EC = 1 }\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "nothing to label"),
        ("seed =", "not valid TOML"),
        (f"[[system]]\n{GOOD}[[system]]\n{GOOD}", "two systems are called 'a'"),
        (f"[[system]]\n{GOOD}frame = 3\n", r"'system.a.frame' is not known"),
        (f"[[system]]\n{GOOD}temperature = [600, 300]\n", "'temperature' is a range"),
        (f"[[system]]\n{GOOD}contacts = 3\n", "two molecules or more"),
        (f"[[system]]\n{GOOD}frames = 0\n", "all are 0"),
        ('[[system]]\nname = "a/b"\nspecies = { EC = 1 }\n', "'a/b'"),
        ('[[system]]\nname = "a"\nspecies = { EC = 0 }\n', "greater than 0"),
        (f'method = "DFT"\n[[system]]\n{GOOD}', "'method' is 'DFT'"),
        ("[[system]]\nspecies = { EC = 1 }\n", "name' is missing"),
    ],
)
def test_a_broken_configuration_is_named_field_by_field(tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(RunError, match=message):
        read_label_config(tmp_path / "c.toml")


def test_a_missing_configuration_is_named(tmp_path):
    with pytest.raises(RunError, match="no such file"):
        read_label_config(tmp_path / "none.toml")


def test_an_impossible_system_is_named_before_work_starts():
    with pytest.raises(DataError, match="species 'XX' is unknown"):
        works(_config(species={"XX": 2}), {}, {})


@pytest.mark.parametrize(("name", "least", "most"), [("labels", 2000, 3000), ("labels-bulk", 5, 20)])
def test_the_recipes_of_get_mini_are_possible_and_hold_systems_out(name, least, most):
    config = read_label_config(RECIPES / f"{name}.toml")
    assert works(config, {}, {})
    each = [max(one.frames * (one.rattles + 1), one.rattles) + one.contacts for one in config.system]
    made = sum(one.trajectories * n for one, n in zip(config.system, each, strict=True))
    assert least <= made <= most
    held_out = {one.name for one in config.system if one.held_out}
    assert held_out
    compositions = [tuple(sorted(one.species.items())) for one in config.system]
    assert len(set(compositions)) == len(compositions)  # else a held-out composition might be trained on
