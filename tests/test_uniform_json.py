"""The fast reader of JSON says what the slow one says, or nothing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matdisc.errors import SubmissionError
from matdisc.predictions import file, parse, uniform_json

COLUMNS = ("e_form_per_atom", "p_stable")
ROWS = [
    {"material_id": "a", "note": "x", "e_form_per_atom": 1.5},
    {"material_id": "é b", "note": "y", "e_form_per_atom": None},
    {"material_id": "c-", "note": "z", "e_form_per_atom": -2},
]


def kinds(names):
    return {"material_id": True, "e_form_per_atom": False}


def written(rows, layout, compact=True):
    separators = (",", ":") if compact else None
    if layout == "lines":
        return "\n".join(json.dumps(row, separators=separators, ensure_ascii=False) for row in rows).encode()
    by_column = {name: {str(i): row.get(name) for i, row in enumerate(rows)} for name in rows[0]}
    return json.dumps(rows if layout == "one_list" else by_column, separators=separators, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("layout", "compact"),
    [("lines", True), ("lines", False), ("one_list", True), ("one_list", False), ("columns", True)],
)
def test_rows_that_look_alike_are_read_at_once(layout, compact):
    found = getattr(uniform_json, layout)(written(ROWS, layout, compact), kinds)
    assert found.to_pydict() == {"material_id": ["a", "é b", "c-"], "e_form_per_atom": [1.5, None, -2.0]}


def test_places_beyond_nine_are_counted():
    rows = [{"material_id": f"m{i}", "e_form_per_atom": i} for i in range(1200)]
    found = uniform_json.columns(written(rows, "columns"), kinds)
    assert found["e_form_per_atom"].to_pylist() == list(range(1200))
    assert uniform_json.columns(written(rows, "columns").replace(b'"1100":', b'"1101":'), kinds) is None


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        (
            "lines",
            '{"material_id":"a","e_form_per_atom":1}\n{"material_id":"b","e_form_per_atom":1,"e_form_per_atom":2}',
        ),
        ("lines", '{"material_id":"a","e_form_per_atom":1}\n{"e_form_per_atom":1,"material_id":"b"}'),
        ("lines", '{"material_id":"a","e_form_per_atom":1}\n{"material_id":"b","e_form_per_atom":"1"}'),
        ("lines", '{"material_id":"a","x":1,"e_form_per_atom":1}\n{"material_id":"b","x":{"y":2},"e_form_per_atom":1}'),
        ("lines", r'{"material_id":"a\u0062","e_form_per_atom":1}'),
        ("lines", '{"material_id":"a, b","e_form_per_atom":1}'),
        ("one_list", '[{"material_id":"a","e_form_per_atom":1},{"material_id":"b}c","e_form_per_atom":1}]'),
        ("one_list", '[{"material_id":"a","e_form_per_atom":1},{"material_id":"b","e_form_per_atom":1]}]'),
        ("one_list", '[{"material_id":"a","e_form_per_atom":1},[{"material_id":"b","e_form_per_atom":1}]'),
        ("columns", '{"material_id":{"0":"a","1":"b"},"e_form_per_atom":{"0":1,"2":2}}'),
        ("columns", '{"material_id":{"0":"a,"},"e_form_per_atom":{"0":1}}'),
        ("columns", '{"0":{"material_id":"a","e_form_per_atom":1}}'),
    ],
)
def test_rows_that_differ_are_left_to_the_slow_reader(layout, text):
    assert getattr(uniform_json, layout)(text.encode(), kinds) is None


TEXTS = st.text(st.sampled_from('ab,:{}[]"\\ \n1é'), min_size=1, max_size=4)
CELLS = st.one_of(st.none(), st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(TEXTS, CELLS, st.one_of(CELLS, TEXTS)), min_size=1, max_size=12),
    st.sampled_from(["lines", "one_list", "columns"]),
    st.booleans(),
)
def test_both_readers_say_the_same_of_any_table(tmp_path_factory, cells, layout, compact):
    rows = [{"material_id": text, "e_form_per_atom": value, "x": more} for text, value, more in cells]
    path = tmp_path_factory.getbasetemp() / ("p.jsonl" if layout == "lines" else "p.json")
    path.write_bytes(written(rows, layout, compact))
    said = []
    for quick in (parse._quickly, lambda *_: None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parse, "_quickly", quick)
            try:
                found = file.read(path, COLUMNS)
                said.append((found.material_ids.to_pylist(), list(map(repr, found.values)), found.ignored, found.notes))
            except SubmissionError as err:
                said.append(str(err))
    assert said[0] == said[1]
