"""Structures as text: an exact round trip, and every kind of nonsense refused in words."""

import itertools
import json
import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.errors import SubmissionError
from matdisc.formats import crystal_json
from matdisc.formats.crystal_json import closest, from_json, is_finite, to_json
from matdisc.predictions import file
from matdisc.schema import Crystal, Prediction

SALT = Crystal(("Na", "Cl"), ((0.0, 0.0, 0.0), (0.5, 0.5, 1 / 3)), ((0.0, 2.8, 2.8), (2.8, 0.0, 2.8), (2.8, 2.8, 0.1)))
GOOD = {"cell": [[4, 0, 0], [0, 4, 0], [0, 0, 4]], "symbols": ["Cu"], "positions": [[0, 0, 0]]}
VALUES = ("energy_per_atom", "fmax")
NUMBERS = st.floats(allow_nan=False)
VECTORS = st.tuples(NUMBERS, NUMBERS, NUMBERS)


def read(path):
    return file.read(path, VALUES, structures=True)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["H", "Cu", "Lr"]), VECTORS), min_size=1), st.tuples(*[VECTORS] * 3))
def test_a_crystal_survives_the_way_through_text_exactly(atoms, cell):
    crystal = Crystal(tuple(s for s, _ in atoms), tuple(p for _, p in atoms), cell)
    assert from_json(to_json(crystal)) == crystal


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (json.dumps(GOOD)[:-1] + ', "cell": []}', "names key 'cell' twice; keep one"),
        ("[]", "has to be an object with the keys cell, symbols, positions"),
        ('{"cell": []}', "has to be an object with the keys"),
        (json.dumps(GOOD | {"more": 1}), "has to be an object with the keys"),
        (json.dumps(GOOD | {"symbols": []}), "list of 1 to 5,000 element symbols"),
        (json.dumps(GOOD | {"symbols": ["Cu"] * 5001}), "list of 1 to 5,000 element symbols"),
        (json.dumps(GOOD | {"symbols": ["Xx"]}), "names 'Xx', which is no element"),
        (json.dumps(GOOD | {"symbols": [29]}), "names '29', which is no element"),
        (json.dumps(GOOD | {"positions": [[0, 0, 0]] * 2}), "'positions' has to be a list of 1 rows of three numbers"),
        (json.dumps(GOOD | {"positions": [[0, 0]]}), "'positions' has a row that is not three numbers"),
        (json.dumps(GOOD | {"cell": [[1, 2, "3"]] * 3}), "'cell' has a row that is not three numbers"),
        (json.dumps(GOOD | {"cell": [[True, 0, 0]] * 3}), "'cell' has a row that is not three numbers"),
        (json.dumps(GOOD | {"cell": 7}), "'cell' has to be a list of 3 rows of three numbers, not int"),
        (json.dumps(GOOD).replace("4", "1" + "0" * 400, 1), "too large"),
        ('"' + "x" * 1_000_001 + '"', "more than 1,000,000 characters"),
    ],
)
def test_what_is_no_structure_is_refused_in_words(text, said):
    with pytest.raises(ValueError, match=r".") as caught:
        from_json(text)
    assert said in str(caught.value)


def test_numbers_that_are_not_finite_are_read_and_told():
    assert not is_finite(from_json(json.dumps(GOOD | {"cell": [[math.nan, 0, 0]] * 3})))
    assert not is_finite(from_json(json.dumps(GOOD).replace("[4,", "[1e999,")))
    assert is_finite(SALT)


ROWS = [
    Prediction("a", {"energy_per_atom": -3.25, "fmax": 0.04}, "ok", "", 1.5, 20, SALT),
    Prediction("b", {"energy_per_atom": -1.0}, "unconverged", "", 2.0, 500, SALT),
    Prediction("c", {}, "failed", "RuntimeError: no", 0.5, None, None),
]


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz"])
def test_structures_survive_the_way_through_a_predictions_file(tmp_path, name):
    file.write(tmp_path / name, ROWS, VALUES)
    found = read(tmp_path / name)
    assert list(found.rows) == ROWS
    assert found.column == "structure"


@pytest.mark.parametrize("as_object", [True, False])
def test_lines_of_json_may_hold_a_structure_as_object_or_as_text(tmp_path, as_object):
    given = json.loads(to_json(SALT)) if as_object else to_json(SALT)
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(json.dumps({"material_id": key, "structure": given}) for key in "ab"))
    assert [p.structure for p in read(path).rows] == [SALT, SALT]


def test_parquet_may_hold_structures_as_text(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"material_id": ["a", "b"], "structure": [to_json(SALT), None]}), tmp_path / "p.parquet")
    assert [p.structure for p in read(tmp_path / "p.parquet").rows] == [SALT, None]
    pq.write_table(pa.table({"material_id": ["a"], "structure": [1.0]}), tmp_path / "q.parquet")
    with pytest.raises(SubmissionError, match="'structure' holds double; it has to be text"):
        read(tmp_path / "q.parquet")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("material_id,structure\na,x\n", "row 1: the structure of a is not JSON"),
        ('material_id,structure\na,"{}"\n', "row 1: the structure of a has to be an object"),
        ("material_id,energy_per_atom\na,1\n", "has no column 'structure'"),
        ("material_id,structure_x\na,1\n", "column 'structure_x' looks like 'structure'"),
        ("material_id,structure,status\na,,ok\n", "'ok' and gives no structure"),
        ("material_id,structure,fmax\na,,much\n", "'fmax' is 'much', which is no number"),
    ],
)
def test_a_bad_file_is_refused_with_its_row(tmp_path, content, said):
    path = tmp_path / "p.csv"
    path.write_text(content)
    with pytest.raises(SubmissionError) as caught:
        read(path)
    assert said in str(caught.value)


def test_a_structure_in_another_task_is_ignored_and_named(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("material_id,e_form_per_atom,structure\na,1,\n")
    assert file.read(path, ("e_form_per_atom",)).ignored == ("structure",)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_text_whatever_ends_in_anything_but_a_reason(text):
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    with suppress(ValueError):
        assert isinstance(crystal_json.from_json(text), Crystal)


CUBE = np.diag([4.0, 4.0, 4.0])


@pytest.mark.parametrize(
    ("positions", "cell", "expected"),
    [
        ([[0, 0, 0], [0.5, 0.5, 0.5]], CUBE, (12**0.5, 0, 1)),
        ([[0, 0, 0], [0.9, 0, 0]], CUBE, (0.4, 0, 1)),
        ([[0, 0, 0], [7.25, -3, 1]], CUBE, (1.0, 0, 1)),
        ([[0.3, 0.3, 0.3]], np.diag([3.0, 4.0, 5.0]), (3.0, 0, 0)),
        ([[0, 0, 0]], np.array([[0, 2, 2], [2, 0, 2], [2, 2, 0.0]]), (8**0.5, 0, 0)),
        ([[0, 0, 0], [0, 0, 0.4], [0, 0, 0.5]], CUBE, (0.4, 1, 2)),
    ],
)
def test_the_closest_sites_are_found_through_the_faces_of_the_cell(positions, cell, expected):
    found = closest(np.array(positions, float), cell, 5.0)
    assert found == (pytest.approx(expected[0]), *expected[1:])
    assert closest(np.array(positions, float), cell, 0.99 * expected[0]) is None


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_closest_sites_are_those_of_a_long_search(seed, n):
    rng = np.random.default_rng(seed)
    positions, cell = rng.uniform(-2, 2, (n, 3)), np.diag(rng.uniform(3, 6, 3)) + rng.uniform(-1, 1, (3, 3))
    images = np.array(list(itertools.product(range(-6, 7), repeat=3)), float)
    apart = positions[None, :, None] - positions[:, None, None] + images
    distances = np.linalg.norm(apart @ cell, axis=-1)
    distances[distances < 1e-12] = np.inf
    assert closest(positions, cell, 4.0) is None or closest(positions, cell, 4.0)[0] == pytest.approx(distances.min())
    assert (closest(positions, cell, 4.0) is None) == (distances.min() > 4.0)


def test_many_atoms_are_compared_in_portions():
    rng = np.random.default_rng(0)
    grid = np.array(list(itertools.product(range(12), repeat=3))) / 12
    grid[1700] = grid[3] + [0.001, 0, 0]
    assert closest(rng.permutation(grid), 40 * np.eye(3), 0.5)[0] == pytest.approx(0.04)
