"""Columns that hold the answer are named, and a looked-up answer gives itself away."""

import gzip
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.board import Board, shipped_board
from matdisc.datasets.leakage.features import (
    FORBIDDEN,
    distribution_distance,
    follows,
    forbidden_columns,
    lookup_test,
    plain_name,
    rank_correlation,
    rise,
)
from matdisc.datasets.load import load
from matdisc.errors import DataError
from matdisc.leaderboard.leakage import forbidden_inputs

BOARD = Board(shipped_board())
PEROVSKITES = BOARD.dataset("mp-abc3-cubic")
ELEMENTS = BOARD.dataset("elements")


def named(header, card=PEROVSKITES):
    return [column.name for column in forbidden_columns(header, card)]


def table(n_formulas=8, n_rows=3, seed=0):
    """Formulas, hull distances and a constant for each row: `n_rows` polymorphs of each formula."""
    rng = np.random.default_rng(seed)
    metals = ["Ba", "Sr", "Ca", "Mg", "Zn", "Cd", "Pb", "Sn", "Eu", "Yb", "Be", "Ra"][:n_formulas]
    formulas = [f"{metal}TiO3" for metal in metals for _ in range(n_rows)]
    hull = rng.uniform(0, 0.5, len(formulas))
    return formulas, hull, np.repeat(rng.normal(-2, 0.5, n_formulas), n_rows), rng


def test_every_target_and_forbidden_column_of_a_card_is_named():
    for card in (PEROVSKITES, ELEMENTS, BOARD.dataset("octet-binaries")):
        expected = [name for name, column in card.columns.items() if column.role in ("target", "forbidden")]
        assert named(card.columns, card) == expected


@pytest.mark.parametrize(
    "name",
    [
        *("Es", "Ef", "Eg", "e_hull", "energy_above_hull", "Energy Above Hull (eV/atom)", "e_above_hull_mp_ev_atom"),
        *("formation_energy", "formationEnergyPerAtom", "e_form_per_atom", "delta_e", "dft_band_gap", "is_stable"),
        *("density", "Density [g/cc]", "bulk_modulus", "is_metal", "energy_per_atom", "magnetisation", "target"),
        *("space_group", "crystal_system", "cs", "icsd_id", "Unnamed: 0", "lattice_a", "alpha (deg)", "y_true"),
    ],
)
def test_usual_names_of_answers_are_forbidden(name):
    assert named(["atomic_number_mean", name]) == [name]
    assert forbidden_columns([name], PEROVSKITES)[0].why


@pytest.mark.parametrize(
    "name",
    [
        *("formula", "composition", "electronegativity_mean", "density_mean", "mean melting point", "group", "row"),
        *("A_site", "mp_id", "material_id", "goldschmidt_t", "mass_std", "Cs", "Y", "B", "C", "ionic radius (Å)"),
    ],
)
def test_elemental_properties_and_elements_are_allowed(name):
    assert named([name]) == []


def test_volume_is_forbidden_unless_the_card_gives_it():
    assert named(["volume"], PEROVSKITES) == []
    assert named(["volume"], ELEMENTS) == ["volume"]


def test_es_is_einsteinium_only_between_its_neighbours():
    assert named(["Es"]) == ["Es"]
    assert named(["Cf", "Es", "Fm"]) == []


def test_every_alias_is_found_by_its_own_name():
    assert all(plain_name(alias) == alias for alias in FORBIDDEN)


@pytest.mark.parametrize("offset", [True, False])
def test_hull_distance_plus_a_constant_per_formula_is_leaky(offset):
    formulas, hull, constants, rng = table()
    found = lookup_test(formulas, hull, hull + offset * constants + rng.uniform(-3e-5, 3e-5, len(hull)))
    assert (found.verdict, found.n_formulas, found.n_constant, found.n_rows) == ("leaky inputs", 8, 8, 24)
    assert found.median_spread < 1e-4


@pytest.mark.parametrize("error", [0.003, 0.03, 0.3])
def test_an_honest_model_is_not_flagged(error):
    for seed in range(20):
        formulas, hull, constants, rng = table(12, 2, seed)
        found = lookup_test(formulas, hull, hull + constants + rng.normal(0, error, len(hull)))
        assert found.verdict == "not shown"


def test_a_model_of_the_composition_alone_is_not_flagged():
    formulas, hull, constants, _ = table()
    assert lookup_test(formulas, hull, constants).verdict == "not shown"


def test_polymorphs_with_equal_labels_say_nothing():
    formulas, hull, constants, _ = table()
    assert lookup_test(formulas, np.zeros_like(hull), constants).verdict == "too few formulas"


def test_four_formulas_are_too_few():
    formulas, hull, constants, _ = table(4)
    found = lookup_test(formulas, hull, hull + constants)
    assert (found.verdict, found.n_formulas, found.n_constant) == ("too few formulas", 4, 4)


def test_blurring_some_formulas_does_not_hide_the_others():
    formulas, hull, constants, rng = table(12, 2)
    blurred = hull + constants
    blurred[:8] += rng.normal(0, 0.05, 8)
    assert lookup_test(formulas, hull, blurred).verdict == "leaky inputs"


def test_spelling_order_and_missing_answers_do_not_matter():
    formulas, hull, constants, rng = table()
    other = ["Ti O3 " + text.removesuffix("TiO3") if i % 2 else text for i, text in enumerate(formulas)]
    guess = hull + constants
    guess[0] = np.nan
    order = rng.permutation(len(hull))
    found = lookup_test([other[i] for i in order], hull[order], guess[order])
    assert (found.verdict, found.n_constant, found.n_rows) == ("leaky inputs", 8, 23)


def test_nothing_answered_is_too_little():
    found = lookup_test(["Cu"], [0.0], [np.nan])
    assert found.verdict == "too few formulas"
    assert np.isnan(found.median_spread)
    assert lookup_test([], [], []).n_formulas == 0


@pytest.mark.parametrize(
    ("formulas", "true", "guess", "words"),
    [
        (["Cu"], [0.0, 1.0], [0.0, 1.0], "shapes differ"),
        (["Cu"], [np.nan], [0.0], "not finite"),
        (["mp-1"], [0.0], [0.0], "is not a formula"),
    ],
)
def test_rows_that_do_not_belong_together_are_refused(formulas, true, guess, words):
    with pytest.raises(ValueError, match=words):
        lookup_test(formulas, true, guess)


@pytest.mark.mirror
@pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="MATDISC_MIRROR is not set")
def test_the_published_formation_energies_are_the_looked_up_hull_distances(tmp_path, monkeypatch):
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))
    samples = load(BOARD, "mp-abc3-cubic").samples
    formulas = [s.crystal.formula for s in samples]
    hull, form = (np.array([s.target[name] for s in samples]) for name in ("e_above_hull", "e_form_per_atom"))
    found = lookup_test(formulas, hull, form)
    assert found.verdict == "leaky inputs"
    assert found.n_constant == found.n_formulas <= 72
    assert found.n_formulas > 60
    noise = np.random.default_rng(0).normal(0, 0.02, len(hull))
    assert lookup_test(formulas, hull, form + noise).verdict == "not shown"


def test_a_column_follows_another_by_values_or_by_ranks_and_only_if_it_rises_as_far():
    rng = np.random.default_rng(0)
    expected = rng.normal(size=300)
    close = expected + rng.normal(0, 0.2, 300)
    spoilt = np.where(np.arange(300) % 25 == 0, 1e6, close)
    assert follows(close, expected)
    assert follows(spoilt, expected)
    assert not any(follows(given, expected) for given in (2 * close, 0.5 * close, -close, rng.permutation(close)))
    assert not any(follows(np.zeros(300), column) for column in (expected, np.ones(300)))
    assert not follows(np.array([1.0, 2.0]), np.array([1.0, 2.0]))


@settings(deadline=None)
@given(st.floats(0.01, 100), st.floats(-5, 5))
def test_the_rise_is_the_slope_whatever_the_zero(slope, zero):
    along = np.linspace(-1, 1, 31)
    assert rise(slope * along + zero, along) == pytest.approx(slope)
    assert np.isnan(rise(along, np.zeros(31)))


def test_ranks_are_shared_by_equal_values():
    assert rank_correlation(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 10.0, 100.0, 1000.0])) == pytest.approx(1)
    assert rank_correlation(np.array([1.0, 1.0, 2.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(1)
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 1.0])) == 0


def test_the_order_of_a_column_does_not_count_in_its_distribution():
    rng = np.random.default_rng(0)
    one = rng.normal(size=200)
    assert distribution_distance(rng.permutation(one), one) == 0
    assert distribution_distance(one + 100, one) == pytest.approx(10)  # the largest: (200 / 2) ** 0.5
    drawn = [distribution_distance(rng.normal(size=200), rng.normal(size=200)) for _ in range(300)]
    assert min(drawn) > 0.3
    assert 0.7 < np.median(drawn) < 0.9


@pytest.mark.parametrize("between", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "X.CSV.GZ"])
def test_a_forbidden_input_is_found_however_columns_are_separated(tmp_path, between, name):
    text = "\ufeff" + between.join(["material_id", "mean radius", "e_above_hull"]) + "\n" + between.join("xyz")
    (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.lower().endswith("gz") else text.encode())
    (found,) = forbidden_inputs(tmp_path / name, PEROVSKITES)
    assert found.startswith("e_above_hull: label")


def test_a_table_of_features_that_may_be_read_in_two_ways_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("material_id;mean\te_above_hull\n")
    with pytest.raises(DataError, match=r"x.csv, line 1: columns may be separated by semicolons or by tabs"):
        forbidden_inputs(tmp_path / "x.csv", PEROVSKITES)
    (tmp_path / "x.csv").write_text("x" * 200_000)
    with pytest.raises(DataError, match="cannot be read as a table"):
        forbidden_inputs(tmp_path / "x.csv", PEROVSKITES)


def test_one_column_alone_is_one_column(tmp_path):
    (tmp_path / "x.csv").write_text("e_above_hull\n1\n")
    assert len(forbidden_inputs(tmp_path / "x.csv", PEROVSKITES)) == 1
