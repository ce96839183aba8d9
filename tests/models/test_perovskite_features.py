"""Features of ABX3 formulas against published values and by hand."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest

from matdisc.models.perovskites.features import (
    GROUPS,
    LARGEST_TAU,
    NAMES,
    PROPERTIES,
    charges,
    features,
    shannon_radius,
    tolerance,
)
from matdisc.physics.perovskites import bartel

mirror = pytest.mark.mirror
needs_mirror = pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="MATDISC_MIRROR is not set")


def value(name, a, b, x):
    (row,) = features([{"A": a, "B": b, "X": x}])
    return row[NAMES.index(name)]


@pytest.mark.parametrize(
    ("sites", "t", "mu"),
    [(("La", "Si", "As"), 1.07952, 0.81818), (("Ba", "Ti", "O"), 0.92086, 0.67593)],
)
def test_tolerance_and_octahedral_factor_are_the_published_ones(sites, t, mu):
    assert value("t", *sites) == pytest.approx(t, abs=1e-5)
    assert value("mu", *sites) == pytest.approx(mu, abs=1e-5)


def test_mean_and_deviation_are_over_the_five_atoms():
    atoms = [56, 22, 8, 8, 8]
    assert value("mean Z", "Ba", "Ti", "O") == pytest.approx(np.mean(atoms))
    assert value("deviation Z", "Ba", "Ti", "O") == pytest.approx(np.std(atoms))


def test_exchanging_a_and_b_exchanges_their_values_and_keeps_mean_and_deviation():
    one, other = features([{"A": "Ba", "B": "Ti", "X": "O"}, {"A": "Ti", "B": "Ba", "X": "O"}])
    n = len(PROPERTIES)
    assert one[: 2 * n] == pytest.approx(other[: 2 * n])
    assert one[2 * n : 3 * n] == pytest.approx(other[3 * n : 4 * n])
    assert one[4 * n : 5 * n] == pytest.approx(other[4 * n : 5 * n])


def test_charges_are_those_of_the_textbook():
    assert charges("Sr", "Ti", "O") == (2, 4, -2)
    assert charges("La", "Al", "O") == (3, 3, -2)
    assert charges("K", "Mg", "F") == (1, 2, -1)
    assert charges("Na", "K", "O") is None


def test_shannon_radii_are_those_of_the_table():
    assert shannon_radius("Sr", 2, "XII") == 1.44
    assert shannon_radius("Ti", 4, "VI") == 0.605
    assert shannon_radius("O", -2, "VI") == 1.4
    assert math.isnan(shannon_radius("O", 6, "VI"))


def test_tau_of_strontium_titanate_by_hand():
    ratio = 1.44 / 0.605
    assert tolerance("Sr", "Ti", "O") == pytest.approx(1.4 / 0.605 - 2 * (2 - ratio / math.log(ratio)))


def test_tau_is_not_defined_where_a_is_not_larger_or_charges_do_not_balance():
    assert math.isnan(bartel(0.6, 0.6, 1.4, 2))
    assert math.isnan(tolerance("Na", "K", "O"))
    assert value("tau", "Na", "K", "O") == LARGEST_TAU


def test_each_feature_is_in_one_group():
    assert [name for columns in GROUPS.values() for name in NAMES[columns]] == list(NAMES)
    assert {name.split()[0] for name in NAMES[GROUPS["a_site"]]} == {"A"}
    assert NAMES[GROUPS["factors"]][:3] == ("t", "mu", "tau")


def test_every_element_has_every_feature():
    from matdisc.elements import ELEMENTS

    assert np.isfinite(features([{"A": symbol, "B": "Ti", "X": "O"} for symbol in ELEMENTS.split()])).all()


@mirror
@needs_mirror
def test_tau_agrees_with_the_published_table():
    """From the table's own radii (two decimals) and, for nearly all, from radii and charges found here."""
    path = Path(os.environ["MATDISC_MIRROR"]) / "perovskite-experiment" / "TableS1.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    published = np.array([float(row["tau"]) for row in rows])
    radii = [[float(row[name]) for name in ("rA (Ang)", "rB (Ang)", "rX (Ang)")] for row in rows]
    by_radii = np.array([bartel(*r, int(row["nA"])) for r, row in zip(radii, rows, strict=True)])
    usual = published < 10
    assert np.median(np.abs(by_radii - published)) < 0.006
    assert np.abs(by_radii - published)[usual].max() < 0.5
    own = np.array([tolerance(row["A"], row["B"], row["X"]) for row in rows])
    known = np.isfinite(own)
    assert known.mean() > 0.95
    assert np.mean(np.abs(own - published)[known] < 0.06) > 0.95
    assert np.mean((own <= 4.18) == (published <= 4.18)) > 0.95
