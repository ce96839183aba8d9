"""Tables of knowledge: what is read, what is refused, the built-in rules, and what permuting does."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from matdisc.errors import DataError
from matdisc.models.evidence import PairTable
from matdisc.models.evidence.descriptors import PROPERTIES, STATISTICS, descriptors, one_hot, rule_table
from matdisc.models.evidence.sources import constant_table
from matdisc.models.evidence.tables import read_tables

HEADER = "element_1,element_2,domain,can_answer,substitutability\n"


def written(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_domain_is_a_table_and_each_answer_a_mass(tmp_path):
    rows = "Fe,Co,alpha,yes,High\nFe,Ni,alpha,yes,Medium\nCo,Ni,alpha,yes,Low\nFe,Co,beta,no,\nNi,Fe,beta,yes,low\n"
    alpha, beta = read_tables(written(tmp_path, HEADER + rows))
    assert (alpha.name, beta.name) == ("alpha", "beta")
    assert alpha.pairs == {("Co", "Fe"): (1, 0), ("Fe", "Ni"): (0.5, 0.5), ("Co", "Ni"): (0, 1)}
    assert beta.pairs == {("Fe", "Ni"): (0, 1)}  # "no" says nothing


def test_masses_may_be_given_as_numbers_and_the_domain_left_out(tmp_path):
    (table,) = read_tables(written(tmp_path, "element_1,element_2,s,d\nFe,Co,0.25,0.5\n"), discount=0.5)
    assert table == PairTable("table", {("Co", "Fe"): (0.25, 0.5)}, 0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'element_1'"),
        ("element_1,element_2\nFe,Co\n", "no column 'substitutability'"),
        (HEADER, "has no rows"),
        (HEADER + "Fe,Xx,a,yes,High\n", r"line 2: field 'element_2' .value 'Xx'. is no element"),
        (HEADER + "Fe,Fe,a,yes,High\n", "paired with itself"),
        (HEADER + "Fe,Co,a,maybe,High\n", r"field 'can_answer' .value 'maybe'. is neither yes nor no"),
        (HEADER + "Fe,Co,a,yes,Huge\n", r"field 'substitutability' .value 'Huge'. is none of"),
        (HEADER + "Fe,Co,a,yes\n", "line 2: not 5 fields"),
        (HEADER + "Fe,Co,a,yes,High,more\n", "line 2: not 5 fields"),
        (HEADER + "Fe,Co,a,yes,High\nCo,Fe,a,yes,Low\n", "line 3: .* pair 'Co Fe' has another answer"),
        (HEADER + '"Fe,Co', "line 2: not a CSV table"),
        ("element_1,element_2,s,d\nFe,Co,0.6,0.5\n", "sum at most 1"),
        ("element_1,element_2,s,d\nFe,Co,nan,0.5\n", "not finite"),
        ("element_1,element_2,s,d\nFe,Co,much,0.5\n", "is not a number"),
    ],
)
def test_a_malformed_table_is_refused_with_file_field_and_value(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_tables(written(tmp_path, text))


def test_a_table_from_a_spreadsheet_is_read_like_one_with_commas(tmp_path):
    text = "element_1,element_2,s,d\nFe,Co,0.25,0.5\n"
    (plain,) = read_tables(written(tmp_path, text))
    assert read_tables(written(tmp_path, "\ufeff" + text.replace(",", ";"))) == (plain,)


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_tables(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-8"):
        read_tables(tmp_path / "binary.csv")


@pytest.mark.parametrize(
    ("pairs", "discount", "words"),
    [
        ({("Fe", "Fe"): (0, 0)}, None, "different elements"),
        ({("Fe", "Co"): (0, 0)}, None, "alphabetical"),
        ({("Co", "Xx"): (0, 0)}, None, "different elements"),
        ({("Co", "Fe"): (0.9, 0.2)}, None, "at most 1"),
        ({("Co", "Fe"): (-0.1, 0.2)}, None, "at least 0"),
        ({}, 1.5, "discount"),
    ],
)
def test_an_impossible_table_is_refused(pairs, discount, words):
    with pytest.raises(DataError, match=words):
        PairTable("wrong", pairs, discount)


def test_two_orders_of_one_pair_have_to_agree():
    assert PairTable.from_pairs("t", {("Fe", "Co"): (1, 0), ("Co", "Fe"): (1, 0)}).pairs == {("Co", "Fe"): (1, 0)}
    with pytest.raises(DataError, match="keep one"):
        PairTable.from_pairs("t", {("Fe", "Co"): (1, 0), ("Co", "Fe"): (0, 1)})


def test_elements_that_a_table_does_not_know_are_not_spoken_about():
    masses = PairTable("t", {("Co", "Fe"): (0.5, 0.25)}).masses(["Fe", "Zr", "Co"])
    np.testing.assert_array_equal(masses[0, 2], [0.5, 0.25, 0.25])
    np.testing.assert_array_equal(masses[1], np.tile([0, 0, 1], (3, 1)))


def test_permuting_the_elements_keeps_the_masses_and_moves_them():
    table = rule_table(["Co", "Cr", "Fe", "Hf", "Ni", "Zr"])
    moved = table.permuted(1)
    assert sorted(moved.pairs.values()) == sorted(table.pairs.values())
    assert moved.elements == table.elements
    assert moved.pairs != table.pairs
    assert moved.pairs == table.permuted(1).pairs


def test_the_rules_find_like_metals_more_alike_than_unlike_ones():
    pairs = rule_table().pairs
    assert pairs["Hf", "Zr"] == (1, 0)  # one group, equal radii and electronegativities
    assert pairs["Mo", "W"] == (1, 0)
    assert pairs["Fe", "Ni"][0] == 0.75  # three rules: the group differs
    assert pairs["Au", "Y"] == (0, 1)


@pytest.mark.mirror
@pytest.mark.skipif("MATDISC_MIRROR" not in os.environ, reason="set MATDISC_MIRROR to a mirror of the public files")
def test_the_five_expert_tables_are_read_with_every_answer():
    tables = read_tables(Path(os.environ["MATDISC_MIRROR"]) / "alloys" / "llm_element_substitutability.csv")
    assert [len(table.elements) for table in tables] == [27] * 5
    answers = Counter(masses for table in tables for masses in table.pairs.values())
    assert answers == {(1.0, 0.0): 82, (0.5, 0.5): 548, (0.0, 1.0): 1073}  # 52 of 5 x 351 are not answered


def test_the_constant_table_says_the_same_of_every_pair():
    table = constant_table(["Fe", "Co", "Ni"])
    assert table.pairs == dict.fromkeys([("Co", "Fe"), ("Co", "Ni"), ("Fe", "Ni")], (0.1, 0.0))


def test_descriptors_are_statistics_over_the_elements():
    (row,) = descriptors([frozenset({"Fe", "Ni"})])  # atomic numbers 26 and 28
    z = [row[i * len(PROPERTIES) + PROPERTIES.index("Z")] for i in range(len(STATISTICS))]
    assert z == [27, 1, 2, 26, 28]
    valence = [row[i * len(PROPERTIES) + PROPERTIES.index("valence")] for i in range(len(STATISTICS))]
    assert valence == [9, 1, 2, 8, 10]


def test_one_hot_marks_known_elements():
    np.testing.assert_array_equal(one_hot([frozenset({"Fe", "Zr"})], ["Co", "Fe"]), [[0, 1]])
