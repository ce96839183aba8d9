"""A batch of a file that was made in another way than the rest is counted and refused; errors of models are not."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.datasets.truth import Truth
from matdisc.errors import SubmissionError
from matdisc.predictions import OK, Submission
from matdisc.scoring.align import align
from matdisc.tasks.discovery.task import DISCOVERY

N = 400
RNG = np.random.default_rng(7)
E_FORM = RNG.gamma(2.0, 0.6, N) - 3.0
N_ATOMS = RNG.choice([2.0, 3.0, 5.0, 8.0], N)
E_HULL = np.where(np.arange(N) % 3 == 0, -0.01, RNG.exponential(0.2, N))
CORRECTIONS = np.where(np.arange(N) % 2 == 0, RNG.uniform(-0.7, -0.3, N), 0.0)
GOOD = E_FORM + RNG.normal(0, 0.05, N)
RIGHT = np.where(E_HULL <= 0, 0.9, 0.1)
TRUTH = Truth(
    "d",
    pa.array([f"m{i:04d}" for i in range(N)]),
    targets={"e_form_per_atom": E_FORM, "e_above_hull": E_HULL},
    groups=np.zeros(N, np.int64),
    n_atoms=N_ATOMS,
    corrections=CORRECTIONS,
)


def answers(values, column="e_form_per_atom"):
    values = np.asarray(values, float)
    status = np.full(N, OK, np.int8)
    file = Submission(
        "p.csv", "0" * 64, column, TRUTH.material_ids, values, np.ones(N, bool), status, column_name=column
    )
    return align(file, TRUTH, DISCOVERY.scoring)


HALF, THIRD = np.arange(N) < N // 2, np.arange(N) % 3 == 1


@pytest.mark.parametrize("part", [HALF, THIRD], ids=["half", "third"])
@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (GOOD - CORRECTIONS, r"\d+ of 400 values .* look like values that lack the MP2020 corrections"),
        (GOOD + CORRECTIONS, r"\d+ of 400 values .* look like values that hold them twice"),
        (GOOD / 0.0272114, "look like energies in mHartree"),
        (GOOD * 8065.544, "look like energies in 1/cm"),
        (E_HULL + RNG.normal(0, 0.02, N), "look like hull distances"),
    ],
    ids=["uncorrected", "twice", "mHartree", "1/cm", "hull"],
)
def test_a_batch_in_another_convention_is_counted_and_refused(batch, said, part):
    with pytest.raises(SubmissionError, match=said):
        answers(np.where(part, batch, GOOD))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (GOOD * N_ATOMS / 27.2114, "energies per cell in Hartree; multiply by 27.2114, and divide by the number"),
        (GOOD * N_ATOMS * 96.485, "energies per cell in kJ/mol; divide by 96.485, and divide by the number of atoms"),
        (GOOD / N_ATOMS, "energies that were divided by the number of atoms twice"),
    ],
    ids=["Hartree", "kJ/mol", "twice"],
)
def test_units_of_cells_are_told(values, said):
    with pytest.raises(SubmissionError, match=said):
        answers(values)


@pytest.mark.parametrize(("shift", "said"), [(1, "one row above"), (-1, "one row below")])
def test_a_stretch_of_rows_that_slipped_is_told_with_its_first_row(shift, said):
    slipped = GOOD.copy()
    slipped[300:] = np.roll(GOOD[300:], shift)
    with pytest.raises(SubmissionError, match=rf"out of step from row 30\d: \d+ values .* fit the ids {said}"):
        answers(slipped)


def test_probabilities_that_are_inverted_in_half_of_the_file_are_told():
    with pytest.raises(SubmissionError, match=r"p_stable looks inverted in rows 1 to 100, as if"):
        answers(np.where(HALF, 1 - RIGHT, RIGHT), "p_stable")


ERRORS = {
    "normal": lambda rng: rng.normal(0, 1, N),
    "heavy tails": lambda rng: rng.standard_t(1.5, N),
    "too high": lambda rng: rng.exponential(1, N),
    "a tenth far too high": lambda rng: np.where(rng.random(N) < 0.1, rng.exponential(8, N), rng.normal(0, 1, N)),
    "worse where corrected": lambda rng: rng.normal(0, 1, N) * np.where(CORRECTIONS < 0, 4, 1),
    "soft where corrected": lambda rng: rng.normal(0, 1, N) + np.where(CORRECTIONS < 0, rng.exponential(4, N), 0),
}


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(ERRORS)), st.floats(0.01, 0.5))
def test_errors_of_models_are_nobodys_business(seed, kind, size):
    answers(E_FORM + size * ERRORS[kind](np.random.default_rng(seed)))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_probabilities_of_bad_models_are_nobodys_business(seed, skill):
    rng = np.random.default_rng(seed)
    answers(np.where(rng.random(N) < skill, RIGHT, rng.random(N)), "p_stable")
