"""The dimers task: hand-counted curves, potentials with known wells, references that jump, and what goes wrong."""

import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.dimers import POINTS, build
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError, RunError
from matdisc.physics.drivers import run_batched, run_single
from matdisc.run.predict import predict
from matdisc.scoring.align import align
from matdisc.scoring.answers import Answers
from matdisc.scoring.base import Bootstrap
from matdisc.tasks.dimers import curves
from matdisc.tasks.dimers.simulation import simulate
from matdisc.tasks.dimers.task import DIMERS
from matdisc.tasks.dimers.terms import SHAPE, Curve, Radii, against, jumps, of_shape, radii_of, reference

SCORING = DIMERS.scoring
JUMPING = {
    "pbe": {"Pr", "Pm", "Sm", "Tb", "Dy", "Ho", "Er", "Tm"},
    "r2scan": {"Ni", "Sr", "Pr", "Nd", "Sm", "Tb", "Ho", "Er", "Tm"},
}


@pytest.fixture(scope="module")
def dimers():
    board = Board(shipped_board())
    dataset = load(board, "diatomics")
    return SimpleNamespace(card=board.dataset("diatomics"), dataset=dataset, truth=truth_of(dataset))


def answers(truth, energies, forces):
    usable = np.array([50.0 if energy is not None else np.nan for energy in energies])
    nothing = np.empty(0)
    return Answers("answered", usable, {}, None, nothing, nothing, arrays={"energy": energies, "axial_force": forces})


def filled(truth, name):
    """A label of every dimer with its gaps bridged."""
    pairs = zip(truth.array("distances"), truth.array(name), strict=True)
    return tuple(np.interp(r, r[np.isfinite(v)], v[np.isfinite(v)]) for r, v in pairs)


def terms(dimers, energies, forces):
    return SCORING.terms(dimers.card, dimers.truth, answers(dimers.truth, energies, forces))


class Pair(Calculator):
    """Atoms on a Morse curve, whose force may be twisted, and which may refuse distances."""

    implemented_properties = ("energy", "forces")

    def __init__(self, depth=2.0, stiffness=1.5, length=2.0, twist=0.0, refuses=lambda r: False):
        super().__init__()
        self.curve, self.twist, self.refuses = (depth, stiffness, length), twist, refuses

    def calculate(self, atoms=None, properties=None, system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        r = atoms.get_distance(0, 1)
        if self.refuses(r):
            raise ValueError("atoms have no neighbour")
        energy, force = morse(r, *self.curve)
        along = (atoms.positions[1] - atoms.positions[0]) / r * (force + self.twist)
        self.results = {"energy": energy, "forces": np.array([-along, along])}


def morse(r, depth, stiffness, length):
    fall = np.exp(-stiffness * (r - length))
    return depth * ((1 - fall) ** 2 - 1), -2 * depth * stiffness * (1 - fall) * fall


def asked(dimers, element, calculator):
    sample = next(s for s in dimers.dataset.samples if s.material_id == element)
    return run_single(simulate(sample.without_target(), None, None, 0.0), calculator)


def test_tortuosity_turns_and_jumps_are_those_counted_by_hand():
    energy = np.array([3.0, 1.0, 0.0, 2.0, 1.0, 2.0])
    assert curves.tortuosity(energy) == pytest.approx(7 / 5)
    assert curves.energy_turns(energy) == (3, pytest.approx((1 + 2) + (2 + 1) + (1 + 1)))


def test_steps_below_a_millielectronvolt_are_no_turns_and_weak_forces_no_flips():
    assert curves.energy_turns(np.array([3.0, 1.0, 1.0005, 0.0, 0.0004, 0.5])) == (1, pytest.approx(1.0005 + 0.4996))
    assert curves.force_flips(np.array([5.0, 0.009, -0.009, 1.0, -1.0, 0.005, -2.0])) == 1


def test_a_flat_curve_has_no_tortuosity():
    assert np.isnan(curves.tortuosity(np.zeros(5)))


def test_atoms_that_only_repel_have_tortuosity_one_and_no_turn():
    energy = 1 / np.geomspace(0.5, 6, 30)
    assert curves.tortuosity(energy) == pytest.approx(1.0)
    assert curves.energy_turns(energy) == (0, 0.0)
    assert curves.repels(energy)
    assert not curves.repels(energy[::-1])


def test_the_wall_stands_where_the_curve_first_reaches_a_height():
    r, energy = np.array([1.0, 2.0, 3.0, 4.0]), np.array([8.0, 4.0, 0.0, 1.0])
    assert curves.wall(r, energy)[:3].tolist() == pytest.approx([2.75, 1.75, np.nan], nan_ok=True)
    other = np.array([10.0, 4.0, 0.0, 1.0])
    assert curves.wall_error(r, energy, r, np.zeros(4)) == pytest.approx((2.75 + 1.75) / 2)
    assert curves.wall_error(r, energy, r, other) == pytest.approx((0 + abs(1.75 - (2 - 1 / 6))) / 2)


@pytest.mark.parametrize("length", [1.2, 2.0, 2.8])
def test_the_well_of_a_morse_curve_is_found(length):
    r = np.geomspace(0.3 * length, 8 * length, POINTS)
    found = curves.well(r, morse(r, 2.0, 3.0 / length, length)[0])
    assert found.length == pytest.approx(length, rel=0.03)
    assert found.depth == pytest.approx(2.0, rel=0.02)


def test_a_conservative_force_has_hardly_a_gap_and_a_constant_too_much_is_the_gap():
    r = np.geomspace(1.0, 6.0, POINTS)
    energy, force = morse(r, 2.0, 1.5, 2.0)
    assert curves.force_gap(r, energy, force) < 1e-3
    assert curves.force_gap(r, energy, force + 0.5) == pytest.approx(0.5, abs=1e-3)


def test_each_curve_begins_at_half_a_bond_and_gaps_of_the_file_are_gaps(dimers):
    from ase.data import atomic_numbers, covalent_radii

    truth = dimers.truth
    for element, r in zip(truth.material_ids.to_pylist(), truth.array("distances"), strict=True):
        assert r[0] == pytest.approx(0.8 * covalent_radii[atomic_numbers[element]], abs=1e-3)
        assert r[-1] == 6.0
    missing = [sum(int(np.isnan(v).sum()) for v in truth.array(f"{name}_energy")) for name in ("pbe", "r2scan")]
    assert missing == [92 * 50 - 4555, 92 * 50 - 4558]


@pytest.mark.parametrize("name", ["pbe", "r2scan"])
def test_whoever_repeats_a_reference_has_no_error_and_nobody_is_compared_with_curves_that_jump(dimers, name):
    truth = dimers.truth
    found = terms(dimers, filled(truth, f"{name}_energy"), filled(truth, f"{name}_force"))
    jumping = {str(truth.material_ids[int(i)]) for i in np.flatnonzero(np.isnan(found[f"{name}_rmse"]))}
    assert jumping == JUMPING[name]
    for error in ("rmse", "length", "depth", "wall", "energy", "force"):
        assert np.nanmax(found[f"{name}_{error}"]) == pytest.approx(0.0, abs=0.05 if error == "length" else 1e-9)
    assert np.isfinite(found["tortuosity"]).all()


def test_the_zero_of_energy_does_not_matter(dimers):
    energies, forces = filled(dimers.truth, "r2scan_energy"), filled(dimers.truth, "r2scan_force")
    one, other = terms(dimers, energies, forces), terms(dimers, tuple(e - 123.0 for e in energies), forces)
    for key, values in one.items():
        assert other[key] == pytest.approx(values, nan_ok=True), key


def test_a_missing_answer_counts_as_no_interaction_and_not_as_a_shape(dimers):
    energies, forces = list(filled(dimers.truth, "pbe_energy")), list(filled(dimers.truth, "pbe_force"))
    energies[0] = forces[0] = None
    found = terms(dimers, tuple(energies), tuple(forces))
    trivial = SCORING.baseline(dimers.card, dimers.truth)
    for key, values in trivial.items():
        assert found[key][0] == values[0], key
    assert trivial["pbe_depth"][0] == pytest.approx(4.5, abs=0.2)  # H2 by PBE: 4.54 eV
    assert found["repulsive"][0] == 0.0
    assert np.isnan(found["tortuosity"][0])
    assert set(trivial).isdisjoint(SHAPE)


def test_errors_against_a_known_curve_are_those_expected():
    r = np.geomspace(1.0, 6.0, POINTS)
    energy, force = morse(r, 2.0, 1.5, 2.0)
    true, wide = Curve(r, energy, force), Radii(1.0, 2.0)
    half = against(true, Curve(r, energy / 2 + 7.0, force / 2), wide)
    bond = energy - energy[-1] <= 1.0
    assert half["rmse"] == pytest.approx(np.sqrt(np.mean((energy - energy[-1])[bond] ** 2)) / 2)
    assert half["depth"] == pytest.approx(curves.well(r, energy).depth / 2)
    assert half["length"] == pytest.approx(0.0, abs=1e-9)
    weak = against(Curve(r, energy / 100, force / 100), true, wide)
    assert "length" not in weak  # the reference binds by 0.02 eV only
    even = np.interp(np.linspace(1.0, 6.0, 200), r, np.abs(force))
    assert half["force"] == pytest.approx(even.mean() / 2 / 3, rel=1e-3)


def test_emt_answers_as_ase_does_without_a_box(dimers):
    outcome = asked(dimers, "Cu", EMT())
    r = dimers.truth.array("distances")[dimers.truth.material_ids.to_pylist().index("Cu")]
    for i in (0, 20, 49):
        free = Atoms("Cu2", positions=[[0, 0, 0], [r[i], 0, 0]], calculator=EMT())
        assert outcome.arrays["energy"][i] == pytest.approx(free.get_potential_energy(), abs=1e-9)
        assert outcome.arrays["axial_force"][i] == pytest.approx(free.get_forces()[1, 0], abs=1e-9)
    assert outcome.values == {"answered": 50.0}


def test_the_curve_goes_on_flat_where_a_potential_refuses_lonely_atoms(dimers):
    outcome = asked(dimers, "Cu", Pair(refuses=lambda r: r > 5.0))
    energy, answered = outcome.arrays["energy"], int(outcome.values["answered"])
    assert 40 < answered < 50
    assert set(energy[answered:]) == {energy[answered - 1]}
    assert set(outcome.arrays["axial_force"][answered:]) == {0.0}


@pytest.mark.parametrize(("refuses", "where"), [(lambda r: r < 2.0, "1.05"), (lambda r: True, "1.05")])
def test_a_refusal_at_a_shorter_distance_is_a_failure_that_says_where(dimers, refuses, where):
    with pytest.raises(RunError, match=rf"no answer at {where}\d Å \(ValueError: atoms have no neighbour"):
        asked(dimers, "Cu", Pair(refuses=refuses))


def test_one_dimer_that_is_refused_leaves_the_others_their_answers(dimers):
    work = [(s.material_id, simulate(s.without_target(), None, None, 0.0)) for s in dimers.dataset.samples[:4]]
    found = {one.key: one for one in run_batched(work, Pair(refuses=lambda r: r < 0.24))}  # only helium starts closer
    assert isinstance(found["He"].error, RunError)
    assert [found[name].error for name in ("H", "Li", "Be")] == [None] * 3


def test_a_twisted_force_shows_in_the_gap_and_nowhere_in_the_energy(dimers):
    place = dimers.truth.material_ids.to_pylist().index("Cu")
    rows = []
    for twist in (0.0, 0.3):
        arrays = asked(dimers, "Cu", Pair(twist=twist)).arrays
        alone = {name: [None] * len(dimers.truth) for name in arrays}
        for name, values in arrays.items():
            alone[name][place] = np.array(values)
        rows.append({key: v[place] for key, v in terms(dimers, alone["energy"], alone["axial_force"]).items()})
    assert rows[0]["force_gap"] < 0.01
    assert rows[1]["force_gap"] == pytest.approx(0.3, abs=0.01)
    assert rows[0]["tortuosity"] == rows[1]["tortuosity"] == pytest.approx(1.0)
    assert rows[0]["repulsive"] == 1.0


def test_a_file_that_is_no_table_of_curves_is_refused(dimers, tmp_path):
    path = tmp_path / "diatomics-dft.json.gz"
    path.write_bytes(b"no gzip")
    with pytest.raises(DataError, match="no table of curves"):
        build(dimers.card, {path.name: path})
    path.write_bytes(gzip.compress(json.dumps({"PBE": {}, "r2SCAN": {"H-H": {}}}).encode()))
    with pytest.raises(DataError, match="not the same dimers"):
        build(dimers.card, {path.name: path})
    curve = {"distances": [1.0, 3.0, 6.0], "energies": [1.0, 0.0, 0.5], "forces": [[[0, 0, 0], [0, 0, 0]]] * 3}
    path.write_bytes(gzip.compress(json.dumps({"PBE": {"H-H": curve}, "r2SCAN": {"H-H": curve}}).encode()))
    with pytest.raises(DataError, match=r"'H-H' is damaged \(its distances are not in equal ratios"):
        build(dimers.card, {path.name: path})


def test_a_run_of_emt_is_scored_and_drawn(board, dimers):
    run = predict(board, "emt", "dimers", "diatomics", workers=0)
    assert run.counts == {"ok": 7, "unsupported": 85}
    found = align(SCORING.read(run.out), dimers.truth, SCORING)
    result = SCORING.score(dimers.card, dimers.truth, found, Bootstrap(50, 0))
    assert result["metrics"]["coverage"]["value"] == pytest.approx(7 / 92)
    assert result["n_defined"]["tortuosity"] == 7
    assert result["n_defined"]["pbe_rmse"] == 84
    assert result["metrics"]["force_gap"]["value"] < 0.05
    drawn = SCORING.artifacts(dimers.card, dimers.truth, found, None, Bootstrap(0, 0))
    assert [figure.key for figure in drawn.figures] == ["curve-Al", "curve-Cu", "curve-Au"]
    assert len(drawn.tables[0].rows) == 92


@pytest.mark.slow
def test_on_the_distances_of_matbench_discovery_its_published_numbers_come_out(dimers):
    from matdisc.models.potentials.chgnet import load as chgnet

    grid, box, rows = np.geomspace(0.1, 6.0, 119), 50.0, []
    calculator = chgnet(version="0.3.0")
    for i, element in enumerate(dimers.truth.material_ids.to_pylist()):
        if element in ("Po", "At", "Rn", "Fr", "Ra"):
            continue
        pairs = [Atoms([element] * 2, [[0, 0, 0], [r, 0, 0]], cell=[box] * 3, pbc=True) for r in grid]
        found = calculator.evaluate_many(pairs)
        force = np.array([(one.forces[1, 0] - one.forces[0, 0]) / 2 for one in found])
        radii, curve = radii_of(element), Curve(grid, np.array([one.energy for one in found]), force)
        true = reference(dimers.truth, i, "pbe")
        errors = {} if jumps(true.between(*radii.window)) else against(true, curve, radii)
        rows.append(of_shape(curve.between(*radii.window)) | errors)
    published = {
        "tortuosity": 2.21, "energy_jump": 2.105, "force_flips": 2.011, "wall": 0.403, "energy": 3.205, "force": 4.927,
        "length": 0.2676, "depth": 16.86,
    }  # fmt: skip
    for key, value in published.items():
        assert np.mean([row[key] for row in rows if key in row]) == pytest.approx(
            value, rel=2e-3 if key == "wall" else 3e-4
        ), key


def test_a_well_beyond_all_measure_is_cut_off_and_its_depth_is_said(dimers):
    energies = [np.array(e) for e in filled(dimers.truth, "pbe_energy")]
    place = dimers.truth.material_ids.to_pylist().index("Cu")
    energies[place][20] -= 500.0
    found = answers(dimers.truth, tuple(energies), filled(dimers.truth, "pbe_force"))
    drawn = {f.key: f for f in SCORING.artifacts(dimers.card, dimers.truth, found, None, Bootstrap(0, 0)).figures}
    assert "goes down to" in drawn["curve-Cu"].note
    assert "goes down to" not in drawn["curve-Al"].note
    assert min(y for line in drawn["curve-Cu"].lines for y in line.y if y is not None) > -10
