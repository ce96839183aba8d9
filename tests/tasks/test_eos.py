"""Equations of state: fits with known answers, shapes with known faults, distances by hand, and what a board shows."""

import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.eos import EquationOfState, birchmurnaghan
from ase.units import GPa
from ase.utils.deltacodesdft import delta

from matdisc.board import Board, shipped_board
from matdisc.datasets import load
from matdisc.datasets.eos import DIFFERENT, build_acwf, build_dcdft
from matdisc.datasets.truth import truth_of
from matdisc.errors import DataError
from matdisc.formats.atoms import to_crystal
from matdisc.leaderboard import site
from matdisc.leaderboard.results import publish
from matdisc.physics.drivers import run_batched, run_single
from matdisc.predictions import write
from matdisc.run import predict
from matdisc.schema import Prediction, Sample
from matdisc.scoring.answers import Answers
from matdisc.tasks.eos.birch_murnaghan import Curves, delta_gauge, energy, epsilon, fit, nu
from matdisc.tasks.eos.simulation import FAULTS, SEVEN, count_minima, simulate
from matdisc.tasks.eos.task import COLUMNS, EOS
from matdisc.tasks.eos.terms import distances, terms

MIRROR = os.environ.get("MATDISC_MIRROR")
VOLUMES = np.linspace(0.94, 1.06, 7)
CUBE = 4.0
"""Edge of the crystal of one atom that toy potentials are asked about, Å."""


class Toy(Calculator):
    """A potential whose energy, eV, is a function of the volume over that of the cube; no forces."""

    implemented_properties = ("energy", "forces")

    def __init__(self, law, wall=0.0):
        super().__init__()
        self.law, self.wall, self.asked = law, wall, []

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        factor = atoms.get_volume() / CUBE**3
        self.asked.append(round(factor, 6))
        if factor < self.wall:
            raise ValueError("too close")
        self.results = {"energy": float(self.law(factor)), "forces": np.zeros((len(atoms), 3))}


def ask(calculator, atoms=None):
    """Values that a potential has for a crystal, by default the cube of one atom."""
    atoms = atoms if atoms is not None else bulk("Cu", "sc", a=CUBE)
    sample = Sample("it", {"crystal": to_crystal(atoms)}, {}, "it")
    return run_single(simulate(sample, None, None, 0.0), calculator).values


def fault(values):
    return FAULTS[int(values["fault"])]


def curves(*rows):
    return Curves(*np.array(rows, float).T)


def well(centre):
    """The curve of a solid of 60 GPa with its minimum at so many times the given volume."""
    return lambda factor: birchmurnaghan(factor * CUBE**3, -3.0, 60 * GPa, 4.5, centre * CUBE**3)


@pytest.mark.parametrize(("v0", "b0", "b1"), [(12.0, 140.0, 5.0), (40.0, 1.0, 8.0), (7.0, 400.0, 0.5)])
def test_a_fit_finds_the_curve_that_energies_lie_on(v0, b0, b1):
    volumes = 1.02 * v0 * VOLUMES
    found = fit(volumes, birchmurnaghan(volumes, -3.0, b0 * GPa, b1, v0))
    assert (found.v0, found.b0, found.b1) == pytest.approx((v0, b0, b1), rel=1e-5)
    assert found.residual < 1e-9


def test_energies_are_those_of_ase():
    volumes = np.linspace(10, 14, 9)
    found = energy(curves((12.0, 140.0, 5.0)), volumes[None])[0]
    assert found == pytest.approx(birchmurnaghan(volumes, 0.0, 140 * GPa, 5.0, 12.0), rel=1e-6)


@pytest.mark.parametrize("energies", [VOLUMES, -VOLUMES, np.zeros(7), -((VOLUMES - 1) ** 2)])
def test_what_has_no_minimum_has_no_fit_within_the_volumes(energies):
    found = fit(VOLUMES, energies)
    assert found is None or not 0.94 <= found.v0 <= 1.06


@pytest.mark.parametrize("symbol", ["Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au"])
def test_metals_of_effective_medium_theory_have_the_moduli_of_an_independent_fit(symbol):
    atoms = bulk(symbol, "fcc")
    volumes, energies = [], []
    for factor in SEVEN:
        strained = atoms.copy()
        strained.set_cell(atoms.cell * factor ** (1 / 3), scale_atoms=True)
        strained.calc = EMT()
        volumes.append(strained.get_volume())
        energies.append(strained.get_potential_energy())
    v0, _, b0 = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    found = ask(EMT(), atoms)
    assert fault(found) == "sound"
    assert found["v0"] == pytest.approx(v0, rel=1e-4)
    assert found["b0"] == pytest.approx(b0 / GPa, rel=2e-3)


def lattice_sum(power, shells=40):
    """Sum over the neighbours of an fcc atom of (nearest distance / distance)^power."""
    n = np.arange(-shells, shells + 1)
    points = np.stack(np.meshgrid(n, n, n), -1).reshape(-1, 3)
    points = points[(points.sum(axis=1) % 2 == 0) & points.any(axis=1)]
    return float(((2 / (points**2).sum(axis=1)) ** (power / 2)).sum())


def test_a_lennard_jones_crystal_has_its_analytic_volume_modulus_and_derivative():
    # E/N = 2 eps (A12 (s/d)^12 - A6 (s/d)^6), so d^6 = 2 A12/A6 s^6, E0 = -eps A6^2/(2 A12), B0 = 8 |E0|/V0, B' = 8
    a12, a6 = lattice_sum(12, shells=12), lattice_sum(6)
    d = (2 * a12 / a6) ** (1 / 6)
    v0, e0 = d**3 / np.sqrt(2), a6**2 / (2 * a12)
    atoms = bulk("Ar", "fcc", a=np.sqrt(2) * d * 1.01)
    found = ask(LennardJones(sigma=1.0, epsilon=1.0, rc=14.0), atoms)
    assert found["v0"] == pytest.approx(v0, rel=2e-3)
    assert found["b0"] * GPa == pytest.approx(8 * e0 / v0, rel=1e-2)
    assert found["b1"] == pytest.approx(8.0, abs=0.3)  # a Birch-Murnaghan curve is no Lennard-Jones one


def test_seven_volumes_are_enough_for_a_sound_curve_and_all_are_asked_at_once():
    toy = Toy(well(1.01))
    found = ask(toy)
    assert toy.asked == pytest.approx(SEVEN, abs=1e-5)
    assert fault(found) == "sound"
    assert (found["v0"], found["b0"]) == pytest.approx((1.01 * CUBE**3, 60.0), rel=1e-4)
    asked = next(simulate(Sample("it", {"crystal": to_crystal(bulk("Cu"))}, {}, "it"), None, None, 0.0))
    assert len(asked) == 7


@pytest.mark.parametrize("centre", [0.7, 0.9, 1.1, 1.4])
def test_a_minimum_elsewhere_is_found_and_said_to_be_elsewhere(centre):
    found = ask(Toy(well(centre)))
    assert fault(found) == "sound"
    assert abs(found["centre"] - centre) <= 0.02 + 1e-9
    assert (found["v0"], found["b0"], found["b1"]) == pytest.approx((centre * CUBE**3, 60.0, 4.5), rel=1e-3)


@pytest.mark.parametrize("law", [lambda f: -f, lambda f: f, lambda f: 0.0, well(2.5)])
def test_a_potential_without_a_minimum_in_reach_is_named_and_has_no_volume(law):
    found = ask(Toy(law))
    assert fault(found) == "no minimum"
    assert "v0" not in found
    assert found["centre"] == 1.0
    assert all(np.isfinite(value) for value in found.values())


def test_a_volume_that_cannot_be_answered_ends_the_search():
    assert ask(Toy(well(0.8), wall=0.7))["v0"] == pytest.approx(0.8 * CUBE**3, rel=1e-3)
    assert fault(ask(Toy(lambda f: f, wall=0.7))) == "no minimum"


def test_a_failure_at_one_of_the_seven_is_the_failure_of_the_crystal():
    with pytest.raises(ValueError, match="too close"):
        ask(Toy(well(1.0), wall=0.97))


def test_two_minima_are_counted_and_the_curve_still_has_a_volume():
    found = ask(Toy(lambda f: 50 * ((f - 1) ** 2 - 0.04**2) ** 2 * 1e3))
    assert fault(found) == "several minima"
    assert found["v0"] == pytest.approx(CUBE**3, rel=0.05)


def test_a_jump_makes_a_curve_rough_and_a_small_one_of_noise_does_not():
    smooth = well(1.0)
    jump = ask(Toy(lambda f: smooth(f) + (0.01 if f > 1.03 else 0)))
    assert fault(jump) == "rough"
    assert jump["roughness"] > 0.01
    assert fault(ask(Toy(lambda f: smooth(f) + (1e-5 if f > 1.03 else 0)))) == "sound"


@pytest.mark.parametrize(
    ("energies", "minima"),
    [
        ([3, 2, 1, 0, 1, 2, 3], 1), ([0, 1, 2, 3, 4, 5, 6], 0), ([6, 5, 4, 3, 2, 1, 0], 0), ([3, 0, 3, 3, 0, 3, 3], 2),
        ([3, 0, 1e-5, 0, 1, 2, 3], 1), ([0, 3, 0, 3, 0, 3, 0], 2), ([1, 1, 1, 1, 1, 1, 1], 0),
    ],
)  # fmt: skip
def test_minima_are_dips_between_two_higher_energies(energies, minima):
    assert count_minima(energies) == minima


@pytest.mark.parametrize(("volume", "modulus", "derivative"), [(1.02, 0.9, 1.2), (0.97, 1.3, 0.8), (1.0, 1.0, 1.5)])
def test_delta_is_ases(volume, modulus, derivative):
    one, other = (12.0, 140.0, 5.0), (12.0 * volume, 140.0 * modulus, 5.0 * derivative)
    ases = 1000 * delta(*(one[0], one[1] * GPa, one[2]), *(other[0], other[1] * GPa, other[2]))
    assert delta_gauge(curves(one), curves(other))[0] == pytest.approx(ases, rel=2e-3, abs=1e-4)


def test_nu_of_one_pair_by_hand():
    # 2 % of the volume with weight 1, 40 % of the modulus with 1/20, 40 % of the derivative with 1/400
    found = nu(curves((9.9, 80.0, 4.0)), curves((10.1, 120.0, 6.0)))
    assert found == pytest.approx([100 * np.sqrt(0.02**2 + (0.4 / 20) ** 2 + (0.4 / 400) ** 2)])


def test_epsilon_of_one_pair_by_hand():
    # Near the minimum both are parabolas k x^2/2 with x = V/V0 - 1 in [-w, w]: <x^4> = w^4/5, <x^2>^2 = w^4/9, so the
    # spread of k x^2 is k w^2 sqrt(4/45), and stiffnesses k and q k differ by |1 - q| sqrt(1/5) / sqrt(q 4/45)
    q = 1.21
    found = epsilon(curves((10.0, 100.0, 1.0)), curves((10.0, 100.0 * q, 1.0)))
    assert found == pytest.approx([(q - 1) * np.sqrt(9 / 4 / q)], rel=3e-3)


def test_distances_are_those_of_a_plain_sum_over_many_volumes():
    one, other = (12.0, 140.0, 5.0), (12.2, 120.0, 5.5)
    v = np.linspace(0.94 * 12.1, 1.06 * 12.1, 200_001)
    first, second = (birchmurnaghan(v, 0.0, b0 * GPa, b1, v0) for v0, b0, b1 in (one, other))
    apart = np.sqrt(((first - second) ** 2).mean() / np.sqrt(first.var() * second.var()))
    assert epsilon(curves(one), curves(other)) == pytest.approx([apart], rel=1e-4)


def test_distances_are_symmetric_zero_for_equal_curves_and_blind_to_the_unit_of_volume():
    one, other = curves((12.0, 140.0, 5.0), (30.0, 2.0, 7.0)), curves((12.3, 150.0, 4.0), (29.0, 2.5, 9.0))
    for distance in (epsilon, nu):
        assert distance(one, other) == pytest.approx(distance(other, one))
        assert distance(one, one) == pytest.approx([0, 0])
        bigger = [Curves(3 * each.v0, each.b0, each.b1) for each in (one, other)]
        assert distance(*bigger) == pytest.approx(distance(one, other))


@pytest.fixture(scope="module")
def elements():
    board = Board(shipped_board())
    return board.dataset("dcdft"), truth_of(load(board, "dcdft"))


def answers_of(truth, **columns):
    known = {name: np.broadcast_to(np.asarray(value, float), len(truth)).copy() for name, value in columns.items()}
    main = known.pop("fault")
    return Answers("fault", main, {}, None, np.empty(0), np.empty(0), reported=known)


def test_terms_are_counted_by_hand(elements):
    card, truth = elements
    v0, b0, b1 = (truth.target(name) for name in ("v0", "b0", "b1"))
    missing, silent = np.zeros(len(truth), bool), np.zeros(len(truth), bool)
    missing[:2], silent[2] = True, True
    found = terms(
        card, truth,
        answers_of(
            truth,
            fault=np.where(silent, np.nan, np.where(missing, 1.0, 0.0)),
            v0=np.where(missing | silent, np.nan, 1.01 * v0),
            b0=np.where(missing | silent, np.nan, 3 * b0),
            b1=np.where(missing | silent, np.nan, b1 + 1), centre=np.where(silent, np.nan, 1.08),
        ),
    )  # fmt: skip
    assert found["sound"].tolist() == [0, 0, 0] + [1] * 68
    assert found["no_minimum"][[0, 1, 3]].tolist() == [1, 1, 0]
    assert np.isnan(found["no_minimum"][2])
    assert np.isnan(found["off_centre"][2])
    assert found["off_centre"][3] == 1
    assert found["epsilon"][:3].tolist() == [10, 10, 10]
    assert found["nu"][:3].tolist() == [200, 200, 200]
    assert found["epsilon_good"].sum() == 0
    assert np.isnan(found["v0_bias"][:3]).all()
    trivial = EOS.scoring.baseline(card, truth)
    for key in ("delta", "v0_error", "b0_error", "b1_error", "v0_measured"):
        np.testing.assert_array_equal(found[key][:3], trivial[key][:3])
    assert found["v0_bias"][3:] == pytest.approx(0.01)
    assert found["b0_error"][3:] == pytest.approx(1.0)
    assert found["b0_bias"][3:] == pytest.approx(2.0)
    assert found["b1_error"][3:] == pytest.approx(1.0)


def test_the_reference_itself_is_perfect_and_as_far_from_experiment_as_the_card_says(elements):
    card, truth = elements
    reference = Curves(*(truth.target(name) for name in ("v0", "b0", "b1")))
    found = distances(truth, reference)
    for key in ("epsilon", "nu", "delta", "v0_error", "b0_error", "b1_error"):
        assert found[key] == pytest.approx(0, abs=1e-9)
    assert found["epsilon_excellent"].all()
    assert np.isfinite(found["v0_measured"]).sum() == 58
    assert np.nanmean(found["v0_measured"]) == pytest.approx(0.095, abs=5e-4)
    assert "9.5 % off the measured volumes" in " ".join(card.notes)


@pytest.mark.parametrize("b0", [-50.0, 0.0, np.inf])
def test_a_curve_that_no_solid_has_counts_as_missing(elements, b0):
    card, truth = elements
    found = terms(card, truth, answers_of(truth, fault=0.0, v0=10.0, b0=b0, b1=4.0))
    assert set(found["epsilon"]) == {10}
    assert np.isnan(found["b0_bias"]).all()
    np.testing.assert_array_equal(found["b0_error"], EOS.scoring.baseline(card, truth)["b0_error"])


def test_the_trivial_row_is_bad_and_never_good():
    board = Board(shipped_board())
    card, truth = board.dataset("dcdft"), truth_of(load(board, "dcdft"))
    found = EOS.scoring.baseline(card, truth)
    assert np.median(found["epsilon"]) > 1
    assert not found["epsilon_good"][truth.target("v0") > 30].any()


def test_magnetic_elements_and_molecules_of_the_delta_set_are_marked(elements):
    _, truth = elements
    names = np.array(truth.material_ids.to_pylist())
    assert set(names[truth.flags["magnetic"]]) == {"O", "Cr", "Mn", "Fe", "Co", "Ni"}
    assert {"He", "N", "Br"} <= set(names[truth.flags["molecular"]])
    assert len(truth) == 71


def test_another_list_of_elements_than_ases_is_refused(board):
    path = board.datasets_dir / "dcdft" / "elements.csv"
    path.write_text(path.read_text().replace("Rn,molecular", "Og,molecular"))
    with pytest.raises(DataError, match="differ in Og, Rn"):
        build_dcdft(board.dataset("dcdft"), {"elements.csv": path})


HEADER = "set,element,configuration,n_atoms," + ",".join(
    f"{key}_{code}{unit}"
    for key, unit in (("v0", "_A3_atom"), ("b0", "_GPa"), ("b1", ""))
    for code in ("fleur", "wien2k")
)


def acwf(folder, *rows):
    """Files of the form that the study's have, with one crystal a row, and what is built from them."""
    cell = {"cell": [[0, 2, 2], [2, 0, 2], [2, 2, 0]], "symbols": ["Mg", "O"], "positions": [[0, 0, 0], [2, 2, 2]]}
    names = ["oxides/Mg-XO", "unaries/Mg-FCC", "oxides/Fe-XO", "oxides/Cs-X2O5"]
    files = {name: folder / name for name in ("acwf_pbe_structures.json.gz", "acwf_pbe_reference.csv")}
    with gzip.open(files["acwf_pbe_structures.json.gz"], "wt") as stream:
        json.dump(dict.fromkeys(names, cell), stream)
    files["acwf_pbe_reference.csv"].write_text("\n".join([HEADER, *rows]) + "\n")
    return build_acwf(Board(shipped_board()).dataset("acwf-pbe"), files).samples


def test_labels_are_the_means_of_two_codes_and_elements_that_cannot_be_compared_are_marked(tmp_path):
    found = acwf(
        tmp_path, "oxides,Mg,XO,2,9.0,9.2,150,152,4.0,4.2", "unaries,Mg,FCC,1,23,23,36,36,4,4",
        "oxides,Fe,XO,2,9,9,200,200,4,4", "oxides,Cs,X2O5,7,16,16,27,28,5,5",
    )  # fmt: skip
    assert dict(found[0].target) == pytest.approx({"v0": 9.1, "b0": 151.0, "b1": 4.1})
    assert [s.material_id for s in found] == ["Mg-XO", "Mg-FCC", "Fe-XO", "Cs-X2O5"]
    assert [s.flags for s in found] == [("scored", "oxide"), ("scored", "unary"), ("magnetic_or_f",), ("codes_differ",)]
    assert [s.group for s in found] == ["Mg", "Mg", "Fe", "Cs"]
    assert found[0].crystal.positions[1] == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize("row", ["oxides,Mg,XO,2,9.0,nine,150,152,4,4", "oxides,Xx,XO,2,9,9,1,1,4,4", "oxides,Mg"])
def test_a_damaged_row_is_named_with_its_line(tmp_path, row):
    with pytest.raises(DataError, match="line 3"):
        acwf(tmp_path, "oxides,Mg,XO,2,9.0,9.2,150,152,4.0,4.2", row)


def test_a_file_that_is_no_archive_of_structures_is_named(tmp_path):
    path = tmp_path / "structures"
    path.write_bytes(b"no archive")
    files = {"acwf_pbe_structures.json.gz": path, "acwf_pbe_reference.csv": path}
    with pytest.raises(DataError, match="structures: is no compressed JSON"):
        build_acwf(Board(shipped_board()).dataset("acwf-pbe"), files)


def test_every_value_has_a_column():
    columns = {column.name for column in COLUMNS}
    assert set(ask(Toy(well(1.0)))) == columns
    assert set(ask(Toy(lambda f: f))) < columns


def test_crystals_in_flight_together_answer_as_they_do_alone():
    board = Board(shipped_board())
    samples = [s for s in load(board, "dcdft").samples if s.material_id in ("Al", "Cu", "Pt")]
    work = [(s.material_id, simulate(s, None, None, 0.0)) for s in samples]
    together = {ended.key: ended.value.values for ended in run_batched(work, EMT())}
    for sample in samples:
        assert together[sample.material_id] == run_single(simulate(sample, None, None, 0.0), EMT()).values


@pytest.mark.slow
def test_chgnet_knows_the_size_of_copper_and_answers_the_same_in_batches():
    from matdisc.models.potentials.chgnet import load as load_chgnet

    calculator = load_chgnet()
    samples = [s for s in load(Board(shipped_board()), "dcdft").samples if s.material_id in ("Cu", "W", "Ge")]
    work = [(s.material_id, simulate(s, None, None, 0.0)) for s in samples]
    together = {ended.key: ended.value.values for ended in run_batched(work, calculator)}
    for sample in samples:
        alone = run_single(simulate(sample, None, None, 0.0), calculator).values
        assert together[sample.material_id]["v0"] == pytest.approx(alone["v0"], rel=1e-4)
        assert alone["v0"] == pytest.approx(sample.target["v0"], rel=0.03)
        assert alone["b0"] == pytest.approx(sample.target["b0"], rel=0.25)


def test_a_board_scores_effective_medium_theory_and_shows_its_curves(board):
    run = predict(board, "emt", "eos", "dcdft", workers=0)
    assert run.counts == {"ok": 7, "unsupported": 64}
    result = publish(board, run.out, "eos", "dcdft", "emt")
    assert result["metrics"]["sound"]["value"] == pytest.approx(7 / 71)
    assert result["metrics"]["epsilon"]["value"] == 10
    assert result["n_defined"]["v0_bias"] == 7
    assert result["metrics"]["v0_error"]["value"] == pytest.approx(result["baseline"]["v0_error"], rel=0.2)
    site.build(board)
    page = (board.root / "leaderboard" / "_site" / "models" / "emt" / "eos--dcdft.html").read_text(encoding="utf-8")
    for said in ("Predicted against reference: bulk modulus", "By element", "Worst crystals", "energy against volume"):
        assert said in page


def test_a_file_from_elsewhere_may_leave_out_everything_but_the_curve(board):
    truth = truth_of(load(board, "dcdft"))
    rows = [
        Prediction(name, {"fault": 0.0} | {key: float(truth.target(key)[i]) for key in ("v0", "b0", "b1")})
        for i, name in enumerate(truth.material_ids.to_pylist())
    ]
    folder = board.predictions_dir / "eos" / "dcdft"
    folder.mkdir(parents=True)
    write(folder / "emt.csv.gz", rows, ["fault", "v0", "b0", "b1"])
    metrics = publish(board, folder / "emt.csv.gz", "eos", "dcdft", "emt")["metrics"]
    assert metrics["epsilon"]["value"] == pytest.approx(0, abs=1e-9)
    assert metrics["nu_excellent"]["value"] == 1
    assert metrics["off_centre"]["value"] is None


@pytest.mark.mirror
@pytest.mark.skipif(not MIRROR, reason="set MATDISC_MIRROR to a mirror of the public files")
def test_fits_of_the_references_own_energies_are_the_references_curves():
    folder = Path(MIRROR) / "acwf"
    with gzip.open(folder / "acwf_pbe_eos_points_fleur.json.gz") as stream:
        points = json.load(stream)
    with (folder / "acwf_pbe_reference.csv").open() as stream:
        rows = {f"{row['element']}-{row['configuration']}": row for row in csv.DictReader(stream)}
    assert len(points) == 960
    roughest = 0.0
    for name, one in points.items():
        volumes, energies = np.array(one["fleur"]).T / one["n_atoms"]
        found, row = fit(volumes, energies), rows[name.replace("-X/", "-")]
        assert found.v0 == pytest.approx(float(row["v0_fleur_A3_atom"]), rel=2e-6)
        assert found.b0 == pytest.approx(float(row["b0_fleur_GPa"]), rel=2e-3)
        roughest = max(roughest, found.residual / np.ptp(energies))
    assert 0.007 < roughest < 0.008


@pytest.mark.mirror
@pytest.mark.skipif(not MIRROR, reason="set MATDISC_MIRROR to a mirror of the public files")
def test_two_all_electron_codes_agree_as_the_study_says_and_the_marked_crystals_are_those_where_they_do_not():
    with (Path(MIRROR) / "acwf" / "acwf_pbe_reference.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    codes = [
        curves(*[[float(row[f"{key}_{code}{unit}"]) for key, unit in (("v0", "_A3_atom"), ("b0", "_GPa"), ("b1", ""))]
                 for row in rows])
        for code in ("fleur", "wien2k")
    ]  # fmt: skip
    apart = epsilon(*codes)
    assert (apart <= 0.06).mean() == pytest.approx(0.92, abs=0.005)
    assert {f"{row['element']}-{row['configuration']}" for row, e in zip(rows, apart, strict=True) if e > 0.2} == (
        DIFFERENT
    )
    truth = truth_of(load(Board(shipped_board()), "acwf-pbe"))
    assert truth.n_groups == 96
    assert sum(truth.flags["scored"]) == 676
    assert not (truth.flags["scored"] & truth.flags["magnetic_or_f"]).any()
