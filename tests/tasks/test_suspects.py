"""What a file seems to mean instead of what it says is refused by name, or noted; bad models are left alone."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.datasets.prototypes import perovskite
from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.predictions import OK, Submission
from matdisc.schema import Crystal
from matdisc.scoring.align import align
from matdisc.tasks.discovery.task import DISCOVERY
from matdisc.tasks.polymorphs.task import POLYMORPHS
from matdisc.tasks.relaxation.task import RELAXATION

N = 400
RNG = np.random.default_rng(0)
E_FORM = RNG.gamma(2.0, 0.6, N) - 3.0  # skewed, as formation energies are
N_ATOMS = RNG.choice([2.0, 3.0, 5.0, 8.0], N)
E_HULL = np.where(np.arange(N) % 3 == 0, -0.01, RNG.exponential(0.2, N))
CORRECTIONS = np.where(np.arange(N) % 2 == 0, RNG.uniform(-0.7, -0.1, N), 0.0)
IDS = [f"m{i:04d}" for i in range(N)]
GOOD = E_FORM + RNG.normal(0, 0.05, N)


def truth(ids=IDS, **more):
    return Truth("d", pa.array(ids), **{"targets": {}, "groups": np.zeros(len(ids), np.int64), **more})


LABELS = {"e_form_per_atom": E_FORM, "e_above_hull": E_HULL}
MATERIALS = truth(targets=LABELS, n_atoms=N_ATOMS, corrections=CORRECTIONS)


def answers(values, column="e_form_per_atom", task=DISCOVERY, asked=MATERIALS, ids=None, **more):
    values = np.asarray(values, float)
    given = ~np.isnan(values)
    ids = pa.array(ids or asked.material_ids.to_pylist())
    status = np.where(given, OK, 4).astype(np.int8)
    file = Submission("p.csv", "0" * 64, column, ids, values, given, status, column_name=column, **more)
    return align(file, asked, task.scoring)


PART = np.arange(N) % 4 == 1
MEANINGS = {
    "kJ/mol": GOOD * 96.485,
    "J/mol": GOOD * 96485,
    "kcal/mol": GOOD * 23.061,
    "meV/atom": GOOD * 1000,
    "Hartree": GOOD / 27.2114,
    "Rydberg": GOOD / 13.6057,
    "sign reversed": -GOOD,
    "eV per cell": GOOD * N_ATOMS,
    "hull distances": E_HULL + RNG.normal(0, 0.02, N),
    "shifted by 2": E_FORM + 2 + RNG.uniform(-0.001, 0.001, N),
    "lack the MP2020 corrections": GOOD - CORRECTIONS,
    "hold the MP2020 corrections twice": GOOD + CORRECTIONS,
    "looks shuffled": RNG.permutation(GOOD),
    "total energies": GOOD - RNG.uniform(2, 8, N),
}


@pytest.mark.parametrize("meaning", MEANINGS)
def test_a_column_that_means_something_else_is_refused_by_name(meaning):
    with pytest.raises(SubmissionError, match=meaning):
        answers(MEANINGS[meaning])


@pytest.mark.parametrize("meaning", ["kJ/mol", "meV/atom", "Hartree", "sign reversed", "eV per cell"])
def test_a_part_of_the_rows_that_means_something_else_is_counted_and_refused(meaning):
    with pytest.raises(SubmissionError, match=rf"\d+ of 400 values of column 'e_form_per_atom' look like.*{meaning}"):
        answers(np.where(PART, MEANINGS[meaning], GOOD))


def test_units_are_told_where_labels_are_hardly_larger_than_errors():
    rng = np.random.default_rng(1)
    small = truth(targets={"e_form_per_atom": 0.1 * E_FORM}, n_atoms=N_ATOMS)
    for meaning, factor in (("Hartree", 1 / 27.2114), ("Rydberg", 1 / 13.6057)):
        with pytest.raises(SubmissionError, match=meaning):
            answers(factor * (0.1 * E_FORM + rng.normal(0, 0.03, N)), asked=small)


ORDERS = {
    "the ids one row above": np.roll(np.arange(N), 1),
    "the ids one row below": np.roll(np.arange(N), -1),
    "the ids in reversed order": np.arange(N)[::-1],
}


@pytest.mark.parametrize("order", ORDERS)
def test_values_that_slipped_by_a_row_or_were_turned_round_are_told(order):
    rng = np.random.default_rng(1)
    with pytest.raises(SubmissionError, match=f"out of step: the values of column 'e_form_per_atom' fit {order}"):
        answers((E_FORM + rng.normal(0, 0.3, N))[ORDERS[order]])


def test_ids_or_values_that_were_sorted_apart_from_the_others_are_told():
    rng = np.random.default_rng(1)
    mixed = list(rng.permutation(IDS))
    asked = truth(mixed, targets=LABELS)
    with pytest.raises(SubmissionError, match="fit the ids in sorted order"):
        answers(GOOD[np.argsort(mixed)], asked=asked)
    with pytest.raises(SubmissionError, match="fit the order of the dataset"):
        answers(GOOD, asked=asked, ids=sorted(mixed))


HONEST = {
    "good": GOOD,
    "a constant": np.full(N, -1.5),
    "zero": np.zeros(N),
    "normal": RNG.normal(E_FORM.mean(), E_FORM.std(), N),
    "uniform": RNG.uniform(-4, 2, N),
    "noise of 0.3": E_FORM + RNG.normal(0, 0.3, N),
    "noise of 1": E_FORM + RNG.normal(0, 1, N),
    "heavy tails": E_FORM + 0.05 * RNG.standard_t(1.5, N),
    "shrunk": 0.5 * E_FORM - 0.9,
    "overshoot": 1.5 * E_FORM + 0.9,
    "fillers": np.where(PART, 1e22, GOOD),
    "zeros for failures": np.where(PART, 0.0, GOOD),
    "tenth too low": np.where(np.arange(N) % 10 == 0, GOOD - RNG.exponential(1, N), GOOD),
    "half unanswered": np.where(PART, np.nan, GOOD),
}


@pytest.mark.parametrize("name", HONEST)
def test_bad_models_dummies_and_failures_are_nobodys_business(name):
    assert answers(HONEST[name]).notes == ()


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["normal", "uniform", "laplace"]), st.floats(0.3, 3))
def test_no_random_dummy_is_taken_for_shuffled_or_for_another_unit(seed, kind, width):
    draw = getattr(np.random.default_rng(seed), kind)
    values = draw(-3 * width, width, N) if kind == "uniform" else draw(np.median(E_FORM), width, N)
    assert answers(values).coverage["expected"] == N


def test_a_small_shift_might_be_honest_and_is_noted():
    rng = np.random.default_rng(1)
    assert answers(E_FORM + 0.298 + rng.uniform(-1e-4, 1e-4, N)).notes == (
        "column 'e_form_per_atom' looks like formation energies against references that are shifted by 0.298 eV/atom",
    )


SLIPPED = RNG.permutation(E_FORM + RNG.normal(0.03, 0.06, N))


def test_rows_out_of_step_of_a_rough_model_are_noted():
    (note,) = answers(SLIPPED).notes
    assert "looks shuffled, ids and values are out of step" in note


def test_of_fewer_than_twenty_answers_nothing_is_suspected():
    assert answers(np.where(np.arange(N) < 19, 1000 * GOOD, np.nan)).coverage["absurd"] == 19


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            np.linspace(0, 100, N),
            r"'m0004' .396 rows in all.: p_stable .* is greater than 1; if these are per cent, divide",
        ),
        (
            np.linspace(-1, 1, N),
            r"'m0000' .200 rows in all.: p_stable -1 is less than 0; give probabilities between 0 and 1",
        ),
        (np.linspace(0, 1.002, N), r".1 rows in all.: p_stable 1.002 is greater than 1"),
        (
            np.where(E_HULL <= 0, 0.1, 0.9),
            r"p_stable looks inverted.*ROC curve 0.00.; give the probability of being stable",
        ),
    ],
)
def test_probabilities_that_are_none_or_those_of_the_contrary_are_refused(values, said):
    with pytest.raises(SubmissionError, match=said):
        answers(values, "p_stable")


def test_probabilities_of_bad_models_are_scored_and_those_half_inverted_noted():
    rng = np.random.default_rng(1)
    for values in (rng.random(N), np.full(N, 0.5), np.ones(N), np.zeros(N), np.where(E_HULL <= 0, 0.9, 0.1)):
        assert answers(values, "p_stable").notes == ()
    assert answers(np.where(E_HULL <= 0, 1 + 1e-12, -1e-12), "p_stable").coverage["answered"] == N
    half = np.where(rng.random(N) < 0.35, E_HULL > 0, rng.random(N) < 0.5)
    (note,) = answers(half, "p_stable").notes
    assert note.startswith("p_stable looks inverted")


SIZES = np.array([1.0, 1.0, 2.0, 2.0, 4.0])
COMPOUNDS = 40
ZERO = RNG.uniform(-9, -2, COMPOUNDS)
ABOVE = np.stack([RNG.permutation([0.0, 0.1, 0.2, 0.3, 0.5]) for _ in range(COMPOUNDS)])
TOTAL = (ZERO[:, None] + ABOVE).ravel()
N_CELL = np.tile(SIZES, COMPOUNDS)
CANDIDATES = truth(
    [f"c{i}-{k}" for i in range(COMPOUNDS) for k in range(5)],
    targets={"stable": (ABOVE == 0).ravel().astype(float)},
    compounds=np.repeat(np.arange(COMPOUNDS), 5),
    n_atoms=N_CELL,
)


def ranked(values):
    return answers(values, "energy_per_atom", POLYMORPHS, CANDIDATES)


THIRD = np.arange(len(TOTAL)) % 3 == 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (TOTAL * N_CELL, "120 of 120 energies go with the number of atoms .* looks like eV per cell"),
        (np.where(THIRD, TOTAL * N_CELL, TOTAL), "looks like eV per cell; divide by the number of atoms"),
        (-TOTAL, "the sign of column 'energy_per_atom' looks reversed"),
        (-ABOVE.ravel(), "the sign of column 'energy_per_atom' looks reversed"),
        (1000 * TOTAL, "in the median, beyond 1,000 eV/atom; give eV/atom"),
        (96.485 * ABOVE.ravel(), "candidates of one compound are 48.2 eV/atom apart in the median"),
    ],
)
def test_energies_of_polymorphs_that_mean_something_else_are_refused(values, said):
    with pytest.raises(SubmissionError, match=said):
        ranked(values)


def test_energies_of_polymorphs_may_have_any_zero():
    rng = np.random.default_rng(1)
    quiet = [TOTAL, ABOVE.ravel(), TOTAL + 1, TOTAL + rng.normal(0, 0.5, len(TOTAL)), np.full(len(TOTAL), -4.0)]
    quiet += [rng.normal(-4, 1, len(TOTAL)), rng.random(len(TOTAL)), np.where(THIRD, np.nan, TOTAL)]
    for values in quiet:
        assert ranked(values).notes == ()
    assert ranked(TOTAL + 20).notes == (
        "energies are positive; the lowest one is read as that of the stable candidate",
    )
    (note,) = ranked(ZERO[:, None].repeat(5, 1).ravel() + 7 * ABOVE.ravel()).notes
    assert "candidates of one compound are 3.5 eV/atom apart" in note


METALS = ("Ba", "Sr", "Ca", "Pb", "Eu", "Cd", "Mg", "Zn")
RELAXED = [perovskite(metal, "Ti", "O", 3.9 + 0.02 * i) for i, metal in enumerate(METALS)]
STRUCTURES = truth(list(METALS), crystals=tuple(RELAXED), relaxed=tuple(RELAXED))


def relaxed(change, asked=STRUCTURES, **reported):
    found = []
    for i, crystal in enumerate(asked.crystals):
        positions, cell = change(i, np.array(crystal.positions), np.array(crystal.cell))
        found.append(Crystal(crystal.symbols, tuple(map(tuple, positions)), tuple(map(tuple, cell))))
    more = {"structures": tuple(found), "reported": reported}
    return answers(np.zeros(len(found)), "structure", RELAXATION, asked, **more)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i, p, c: (p @ c, c), "8 structures have atoms outside their cell, and the positions look Cartesian"),
        (
            lambda i, p, c: (p @ c if i % 2 else p, c),
            "4 structures have atoms outside .* e.g. of 'Sr'; give fractional",
        ),
        (
            lambda i, p, c: (p, c / 0.529177),
            "8 of 8 cells have 6.75 times the volume .* bohr; multiply cells by 0.529177",
        ),
        (lambda i, p, c: (p @ c / 0.529177, c / 0.529177), "lengths look like bohr"),
        (lambda i, p, c: (p, 0.529177 * c), "multiplied by 0.529177; leave them as they are"),
        (lambda i, p, c: (p, c / 10), "nm; multiply cells by 10"),
        (lambda i, p, c: (p, 100 * c), "pm; divide cells by 100"),
    ],
)
def test_structures_in_other_coordinates_or_lengths_are_refused(change, said):
    with pytest.raises(SubmissionError, match=said):
        relaxed(change)


def test_structures_may_be_wrapped_or_not_moved_turned_swollen_and_broken():
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    fine = [
        lambda i, p, c: (p + rng.integers(-3, 4, p.shape), c),
        lambda i, p, c: (p + rng.uniform(-2, 2, 3), c @ turn),
        lambda i, p, c: (p + rng.integers(-3, 4, p.shape), 1.2 * c),
        lambda i, p, c: (p + rng.integers(-3, 4, p.shape), 0.8 * c),
        lambda i, p, c: (p + rng.normal(0, 2, p.shape), c),
    ]
    for change in fine:
        assert relaxed(change).coverage["answered"] == len(METALS)


def test_energies_beside_structures_are_held_to_their_unit_and_not_to_their_zero():
    rng = np.random.default_rng(1)
    many = [RELAXED[i % 8] for i in range(40)]
    energies = np.linspace(-9, -3, 40)
    asked = truth([f"s{i}" for i in range(40)], crystals=tuple(many), relaxed=tuple(many), n_atoms=np.full(40, 5.0),
                  targets={"energy_per_atom": energies})  # fmt: skip
    same = lambda i, p, c: (p, c)  # noqa: E731
    for values in (energies, energies + 1.5, np.full(40, np.nan), rng.normal(0, 1, 40)):
        assert relaxed(same, asked, energy_per_atom=values).coverage["answered"] == 40
    for values, said in ((5 * energies, "eV per cell"), (energies / 27.2114, "Hartree"), (-energies, "sign reversed")):
        with pytest.raises(SubmissionError, match=said):
            relaxed(same, asked, energy_per_atom=values)


def test_check_prints_what_is_odd(board, tmp_path):
    from typer.testing import CliRunner

    from matdisc.cli import app
    from matdisc.datasets import load

    rows = [f"{s.material_id};{s.target['e_form_per_atom'] + 0.3}" for s in load(board, "emt-alloys").samples]
    (tmp_path / "p.csv").write_text("\n".join(["Material_ID;e_form_per_atom", *rows]))
    words = ["check", str(tmp_path / "p.csv"), "-t", "discovery", "-d", "emt-alloys", "--board", str(board.root)]
    said = CliRunner().invoke(app, words).output
    assert "note: columns are separated by semicolons\n" in said
    assert "note: column 'Material_ID' is read as 'material_id'\n" in said
    assert "shifted by 0.3 eV/atom" in said
    notes = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)["notes"]
    assert [note.split()[0] for note in notes] == ["columns", "column", "column"]
