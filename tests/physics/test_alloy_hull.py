"""The hull of alloys: laws of mixtures, an independent solver of linear programmes, and published tables."""

import csv
import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from matdisc.errors import DataError
from matdisc.physics.alloys.hull import (
    Compounds,
    Energies,
    competing_phases,
    free_energy,
    lowest_mixtures,
    margins,
    melting_points,
    on_the_hull,
    temperatures,
)
from matdisc.physics.alloys.miedema import METALS, elastic_enthalpy, miedema_energies, mixing_enthalpy
from matdisc.physics.alloys.tables import energies_from
from matdisc.units import GAS_CONSTANT

ABCDE = ("Al", "Co", "Cr", "Cu", "Fe")
MIRROR = os.environ.get("MATDISC_MIRROR")
mirror = pytest.mark.mirror
needs_mirror = pytest.mark.skipif(not MIRROR, reason="set MATDISC_MIRROR to a mirror of the public files")


def ideal(omega=0.0, elements=ABCDE, compounds=None):
    n = len(elements)
    omegas = np.full((1, n, n), float(omega))
    omegas[:, range(n), range(n)] = 0
    return Energies(tuple(elements), np.zeros((1, n)), omegas, compounds or {})


def random_energies(seed, elements=ABCDE):
    rng, n = np.random.default_rng(seed), len(elements)
    omegas = rng.normal(0, 20, (3, n, n))
    compounds = {}
    for pair in combinations(range(n), 2):
        found = Compounds(rng.choice([0.2, 0.25, 1 / 3, 0.5, 0.6, 0.75], 4), rng.normal(-4, 6, 4))
        compounds[pair] = on_the_hull(found)
    return Energies(tuple(elements), rng.uniform(0, 3, (3, n)), (omegas + omegas.transpose(0, 2, 1)) / 2, compounds)


def slow_margin(energies, alloy, kelvin):
    """The same margin by the generic solver, one alloy at a time."""
    sets = np.array([[energies.elements.index(el) for el in alloy]])
    phases = competing_phases(energies, sets, np.array([kelvin]))
    m = len(alloy)
    found = linprog(phases.energy[0], A_eq=phases.composition[0].T, b_eq=np.full(m, 1 / m), method="highs")
    return free_energy(energies, sets, np.array([kelvin]))[0] - found.fun


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_an_ideal_solution_gains_what_the_last_element_adds_to_the_entropy(m):
    kelvin = 1000.0
    best_of_parts = (m - 1) / m * np.log(m - 1) if m == 2 else np.log(m - 1)
    (found,) = margins(ideal(), [ABCDE[:m]], kelvin)
    assert found == pytest.approx(-kelvin * GAS_CONSTANT * (np.log(m) - best_of_parts))


def test_at_zero_kelvin_a_repulsive_pair_separates_by_a_quarter_of_its_interaction():
    (found,) = margins(ideal(8.0), [("Al", "Co")], 0.0)
    assert found == pytest.approx(2.0)


def test_a_solution_takes_its_best_lattice():
    omegas = np.zeros((2, 2, 2))
    omegas[0, 0, 1] = omegas[0, 1, 0] = -4.0
    energies = Energies(("Al", "Co"), np.array([[3.0, 3.0], [0.0, 0.0]]), omegas, {})
    assert margins(energies, [("Al", "Co")], 0.0)[0] == pytest.approx(0.0)


def test_a_compound_outbids_the_solution():
    compounds = {(0, 1): Compounds(np.array([0.5]), np.array([-10.0]))}
    energies = ideal(elements=("Al", "Co"), compounds=compounds)
    (found,) = margins(energies, [("Al", "Co")], 1000.0)
    assert found == pytest.approx(10 - 1000 * GAS_CONSTANT * np.log(2))


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_the_batch_simplex_equals_the_generic_solver(m):
    elements = (*ABCDE, "Hf", "Ir", "Mn")
    energies = random_energies(m, elements)
    alloys = list(combinations(elements, m))[:40]
    kelvin = np.linspace(0, 2500, len(alloys))
    slow = [slow_margin(energies, alloy, t) for alloy, t in zip(alloys, kelvin, strict=True)]
    np.testing.assert_allclose(margins(energies, alloys, kelvin), slow, atol=1e-6)


def test_another_competing_phase_never_lowers_a_margin():
    rng = np.random.default_rng(0)
    energies = random_energies(1)
    sets = np.array(list(combinations(range(5), 4)))
    phases = competing_phases(energies, sets, np.full(len(sets), 900.0))
    before = lowest_mixtures(*phases)
    for _ in range(20):
        extra = np.broadcast_to(rng.dirichlet(np.ones(4)), (len(sets), 1, 4))
        energy = np.full((len(sets), 1), rng.normal(-5, 5))
        after = lowest_mixtures(np.hstack([phases.composition, extra]), np.hstack([phases.energy, energy]))
        assert np.all(after <= before + 1e-7)


def test_a_phase_above_the_hull_changes_nothing():
    pair = Compounds(np.array([0.25, 0.5, 0.75]), np.array([-2.0, -6.0, -1.0]))
    kept = on_the_hull(pair)
    assert (kept.fraction.tolist(), kept.enthalpy.tolist()) == ([0.5], [-6.0])
    whole, pruned = (ideal(3.0, compounds={(0, 1): found}) for found in (pair, kept))
    alloys = list(combinations(ABCDE, 4))
    np.testing.assert_allclose(margins(whole, alloys, 500.0), margins(pruned, alloys, 500.0), atol=1e-9)


def test_only_compounds_that_form_are_on_the_hull():
    assert len(on_the_hull(Compounds(np.array([0.5, 0.3]), np.array([0.0, 2.0]))).fraction) == 0


def test_of_equal_compositions_the_lower_one_stays():
    kept = on_the_hull(Compounds(np.array([0.5, 0.5, 0.5]), np.array([-1.0, -3.0, -2.0])))
    assert kept.enthalpy.tolist() == [-3.0]


def test_names_and_order_of_elements_do_not_matter():
    energies = random_energies(3)
    turned = [2, 0, 4, 1, 3]
    place = {old: new for new, old in enumerate(turned)}
    compounds = {}
    for (i, j), (fraction, enthalpy) in energies.compounds.items():
        first, second = place[i], place[j]
        key = (min(first, second), max(first, second))
        compounds[key] = Compounds(fraction if first < second else 1 - fraction, enthalpy)
    other = Energies(
        tuple(energies.elements[i] for i in turned),
        energies.end_members[:, turned],
        energies.omegas[:, turned][:, :, turned],
        compounds,
    )
    alloys = list(combinations(ABCDE, 4))
    np.testing.assert_allclose(margins(other, [a[::-1] for a in alloys], 900.0), margins(energies, alloys, 900.0))


def test_alloys_of_all_lengths_are_answered_in_their_order():
    energies = random_energies(4)
    alloys = [ABCDE[:4], ABCDE[:2], ABCDE, ABCDE[1:4]]
    run_batched = margins(energies, alloys, 800.0)
    np.testing.assert_allclose(run_batched, [margins(energies, [alloy], 800.0)[0] for alloy in alloys])


@pytest.mark.parametrize(
    ("alloy", "words"),
    [(("Al", "U"), "no energies are known of U"), (("Al", "Al"), "each once"), (("Al",), "at least")],
)
def test_an_alloy_that_cannot_be_computed_is_named(alloy, words):
    with pytest.raises(DataError, match=words):
        margins(ideal(), [alloy], 300.0)


@pytest.mark.parametrize("kelvin", [-1.0, np.nan])
def test_a_temperature_is_a_number_of_kelvin(kelvin):
    with pytest.raises(ValueError, match="numbers of K"):
        margins(ideal(), [ABCDE[:2]], kelvin)


def test_the_simplex_starts_from_pure_elements():
    with pytest.raises(ValueError, match="pure elements"):
        lowest_mixtures(np.array([[[0.5, 0.5], [0.0, 1.0]]]), np.zeros((1, 2)))


def test_the_temperature_is_a_share_of_the_mean_melting_point():
    iron, nickel = melting_points(("Fe", "Ni"))
    assert (iron, nickel) == (pytest.approx(1811, abs=1), pytest.approx(1728, abs=1))
    assert temperatures([("Fe", "Ni")], 0.5)[0] == pytest.approx((iron + nickel) / 4)


PUBLISHED = {
    "Fe-Cr": -1, "Co-Cr": -4, "Ni-Cr": -7, "Fe-Ni": -2, "Cu-Fe": 13, "Ni-Ti": -35, "Cu-Zr": -23, "Zr-Ni": -49,
    "Nb-Zr": 4, "Mo-Nb": -6, "Ta-W": -7, "Cu-Ni": 4, "Mn-Ni": -8, "Mn-Cu": 4, "Cu-Ag": 2, "Cu-Au": -9, "Ag-Au": -6,
    "Pt-Cu": -12, "Pd-Cu": -14, "Hf-Ta": 3, "Mo-Ti": -4,
}  # fmt: skip
"""Takeuchi & Inoue, Mater. Trans. 46, 2817 (2005): kJ/mol in equal parts, transition metals only."""


@pytest.mark.parametrize("pair", PUBLISHED)
def test_miedema_gives_the_published_mixing_enthalpies_of_transition_metals(pair):
    first, second = pair.split("-")
    assert float(mixing_enthalpy(first, second, 0.5)) == pytest.approx(PUBLISHED[pair], abs=1.3)


def test_mixing_is_symmetric_and_vanishes_for_pure_metals():
    x = np.array([0.0, 0.2, 0.7, 1.0])
    there, back = mixing_enthalpy("Al", "Zr", x), mixing_enthalpy("Zr", "Al", 1 - x)
    np.testing.assert_allclose(there, back)
    assert there[0] == there[3] == 0


def test_order_lowers_what_attracts():
    assert mixing_enthalpy("Al", "Ni", 0.5, ordered=True) < mixing_enthalpy("Al", "Ni", 0.5) < 0


def test_misfit_costs_energy_and_equal_metals_fit():
    assert elastic_enthalpy("Cu", "Zr") == pytest.approx(elastic_enthalpy("Zr", "Cu"))
    assert elastic_enthalpy("Cu", "Zr") > elastic_enthalpy("Fe", "Ni") > 0
    assert elastic_enthalpy("Fe", "Fe") == 0


def test_a_metal_without_parameters_is_named():
    with pytest.raises(DataError, match="no parameters of 'Na'"):
        miedema_energies(["Na", "Fe"])


def test_twenty_five_metals_are_known():
    assert len(METALS) == 25
    assert list(METALS) == sorted(METALS)


def quaternaries():
    with (Path(MIRROR) / "alloys" / "quaternary24_dft.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@mirror
@needs_mirror
@pytest.mark.parametrize(
    ("name", "margin"),
    [
        ("Co|Cr|Fe|Ni", -3.49), ("Co|Fe|Mn|Ni", -3.15), ("Mo|Nb|Ta|W", -7.62), ("Hf|Nb|Ta|Zr", -4.99),
        ("Nb|Ta|Ti|V", -5.10), ("Al|Co|Cr|Fe", 3.97),
    ],
)  # fmt: skip
def test_six_known_alloys_have_their_margins(name, margin):
    alloy = tuple(name.split("|"))
    energies = energies_from(Path(MIRROR) / "alloys", alloy)
    assert margins(energies, [alloy], temperatures([alloy], 0.9))[0] == pytest.approx(margin, abs=0.006)


@mirror
@needs_mirror
def test_every_published_quaternary_keeps_its_label():
    rows = quaternaries()
    alloys = [tuple(row["set_name"].split("|")) for row in rows]
    energies = energies_from(Path(MIRROR) / "alloys", {el for alloy in alloys for el in alloy})
    found = margins(energies, alloys, temperatures(alloys, 0.9))
    np.testing.assert_allclose(found, [float(row["margin_dft_0.9Tm"]) for row in rows], atol=0.004)
    assert [str(int(value <= 0)) for value in found] == [row["y"] for row in rows]


@mirror
@needs_mirror
def test_published_energies_go_through_the_generic_solver_alike():
    rows = quaternaries()[::400]
    alloys = [tuple(row["set_name"].split("|")) for row in rows]
    energies = energies_from(Path(MIRROR) / "alloys", {el for alloy in alloys for el in alloy})
    kelvin = temperatures(alloys, 0.9)
    slow = [slow_margin(energies, alloy, t) for alloy, t in zip(alloys, kelvin, strict=True)]
    np.testing.assert_allclose(margins(energies, alloys, kelvin), slow, atol=1e-6)


@mirror
@needs_mirror
def test_an_element_with_another_ground_state_is_refused():
    with pytest.raises(DataError, match="Si is stable on none of"):
        energies_from(Path(MIRROR) / "alloys", ["Fe", "Si"])
    with pytest.raises(DataError, match="Tc"):
        energies_from(Path(MIRROR) / "alloys", ["Fe", "Tc"])


def test_missing_tables_are_named(tmp_path):
    with pytest.raises(DataError, match=r"bokas_omegas_processed.json: not a table of energies"):
        energies_from(tmp_path, ["Fe", "Ni"])
