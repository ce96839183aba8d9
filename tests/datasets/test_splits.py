"""Splits of alloys: who is trained on, who is tested, and that neither depends on anything but names."""

from dataclasses import replace
from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest

from matdisc.datasets.splits import (
    PROTOCOLS,
    checked_folds,
    class_counts,
    folds,
    pool,
    read_folds,
    split_hash,
    write_folds,
)
from matdisc.errors import DataError
from matdisc.schema import Dataset, Sample

ELEMENTS = ("Ag", "Al", "Au", "Co", "Cr", "Cu", "Fe")


def alloy(elements, high, **inputs):
    name = "|".join(elements)
    return Sample(name, {"elements": tuple(elements), **inputs}, {"high": float(high)}, group=name)


def toy(train=()):
    sets = [s for m in (2, 3) for s in combinations(ELEMENTS, m)]
    return Dataset("toy", tuple(alloy(s, i % 3 == 0) for i, s in enumerate(sets)), tuple(train))


def elements(dataset, places):
    return [set(pool(dataset)[i].inputs["elements"]) for i in places]


def ids(dataset, protocol):
    names = [s.material_id for s in pool(dataset)]
    return {
        f.name: (sorted(names[i] for i in f.train), sorted(names[i] for i in f.test)) for f in folds(dataset, protocol)
    }


OWN = [protocol for protocol in PROTOCOLS if protocol not in ("experimental", "anion-out", "prototypes-5")]


@pytest.mark.parametrize("protocol", OWN)
def test_nothing_is_trained_on_and_tested(protocol):
    for fold in folds(toy(), protocol):
        assert len(fold.train)
        assert len(fold.test)
        assert not set(fold.train) & set(fold.test)
        assert np.all(np.diff(fold.train) > 0)
        assert np.all(np.diff(fold.test) > 0)


@pytest.mark.parametrize("protocol", OWN)
def test_every_training_part_has_both_classes(protocol):
    dataset = toy()
    for fold in folds(dataset, protocol):
        counts = class_counts(dataset, fold)
        assert 0 < counts.train_high < counts.train


@pytest.mark.parametrize("protocol", OWN)
def test_row_order_moves_no_alloy(protocol):
    dataset = toy()
    turned = replace(dataset, samples=dataset.samples[::-1])
    assert ids(turned, protocol) == ids(dataset, protocol)
    assert split_hash(turned, protocol) == split_hash(dataset, protocol)


@pytest.mark.parametrize("protocol", ["interpolation-10", "loeo", "pair-out"])
def test_turning_every_label_round_moves_no_alloy(protocol):
    dataset = toy()
    turned = tuple(replace(s, target={"high": 1 - s.target["high"]}) for s in dataset.samples)
    assert ids(replace(dataset, samples=turned), protocol) == ids(dataset, protocol)


def test_interpolation_trains_on_a_tenth_ten_times():
    dataset = toy()
    found = list(folds(dataset, "interpolation-10"))
    assert [f.name for f in found] == [f"seed-{i}" for i in range(10)]
    assert {(len(f.train), len(f.test)) for f in found} == {(6, 50)}
    assert len({tuple(f.train) for f in found}) == 10


def test_each_alloy_is_tested_once_in_each_repeat_of_the_folds():
    dataset = toy()
    found = list(folds(dataset, "kfold-5x3"))
    assert len(found) == 15
    for repeat in range(3):
        tested = np.concatenate([f.test for f in found if f.name.startswith(f"{repeat}-")])
        assert sorted(tested) == list(range(56))
    high = [class_counts(dataset, f).test_high for f in found]
    assert max(high) - min(high) <= 1


def test_without_an_element_nothing_holds_it_and_everything_tested_does():
    dataset = toy()
    found = list(folds(dataset, "loeo"))
    assert [f.name for f in found] == list(ELEMENTS)
    for fold in found:
        assert all(fold.name not in held for held in elements(dataset, fold.train))
        assert all(fold.name in held for held in elements(dataset, fold.test))
        assert len(fold.train) + len(fold.test) == 56


def test_without_a_pair_no_tested_alloy_has_a_neighbour_in_training():
    dataset = toy()
    found = list(folds(dataset, "pair-out"))
    assert len(found) == 21
    for fold in found:
        pair = set(fold.name.split("-"))
        assert all(pair <= held for held in elements(dataset, fold.test))
        for tested in elements(dataset, fold.test):
            assert all(len(tested - held) >= 2 for held in elements(dataset, fold.train))


def test_at_most_thirty_pairs_are_held_out():
    sets = list(combinations((*ELEMENTS, "Mn", "Mo"), 2))
    dataset = Dataset("toy", tuple(alloy(s, i % 2) for i, s in enumerate(sets)))
    assert len(list(folds(dataset, "pair-out"))) == 30


def test_a_tenth_and_a_third_of_the_groups_teach_the_same_folds():
    samples = tuple(alloy((f"X{i}", f"Y{copy}"), i % 2) for i in range(600) for copy in "ab")
    samples = tuple(replace(s, group=s.inputs["elements"][0]) for s in samples)
    dataset = Dataset("toy", samples)
    tenth, third, whole = (list(folds(dataset, f"grouped-5{end}")) for end in ("-tenth", "-third", ""))
    for few, more, most in zip(tenth, third, whole, strict=True):
        assert few.test.tolist() == more.test.tolist() == most.test.tolist()
        assert set(few.train) < set(more.train) < set(most.train)
        share = {s.group: int(sha256(f"learnt|{s.group}".encode()).hexdigest(), 16) % 30 for s in samples}
        expected = [{samples[i].group for i in most.train if share[samples[i].group] < n} for n in (3, 10)]
        assert [{samples[i].group for i in fold.train} for fold in (few, more)] == expected
        assert len(few.train) == 2 * len(expected[0])
        assert 0.05 < len(few.train) / len(most.train) < 0.15 < 0.28 < len(more.train) / len(most.train) < 0.39


@pytest.mark.parametrize(("short", "whole", "n"), [("kfold-5x1", "kfold-5x3", 5), ("pair-out-6", "pair-out", 6)])
def test_a_short_protocol_is_the_beginning_of_the_whole_one(short, whole, n):
    dataset = toy()
    first = list(ids(dataset, whole).items())[:n]
    assert list(ids(dataset, short).items()) == first
    assert len(first) == n


def test_experiments_are_tested_on_what_was_computed_for_others():
    train = [alloy(("Mn", "Mo"), 1), alloy(("Mn", "Ni"), 0), alloy(("Ag", "Al"), 0)]
    dataset = toy(train)
    (fold,) = folds(dataset, "experimental")
    assert [pool(dataset)[i].material_id for i in fold.train] == ["Mn|Mo", "Mn|Ni"]
    assert fold.test.tolist() == list(range(56))


def test_the_train_part_stays_out_of_the_other_protocols():
    assert ids(toy([alloy(("Mn", "Mo"), 1)]), "loeo") == ids(toy(), "loeo")


def test_a_given_split_is_followed():
    samples = tuple(alloy(s, i % 2, folds={"paper": i % 3}) for i, s in enumerate(combinations(ELEMENTS, 2)))
    dataset = Dataset("toy", samples)
    found = list(folds(dataset, "given-paper"))
    assert [(f.name, len(f.test)) for f in found] == [("0", 7), ("1", 7), ("2", 7)]
    with pytest.raises(DataError, match="no column 'fold_other'"):
        list(folds(dataset, "given-other"))


def test_a_protocol_that_does_not_exist_is_named():
    with pytest.raises(DataError, match="no protocol 'random'; known: interpolation-10"):
        list(folds(toy(), "random"))


def test_a_set_without_a_trainable_fold_is_refused():
    dataset = Dataset("toy", (alloy(("Ag", "Al"), 1), alloy(("Ag", "Au"), 0)))
    with pytest.raises(DataError, match="no training part with High and Low"):
        list(folds(dataset, "loeo"))


def test_counts_say_how_many_are_high():
    dataset = Dataset(
        "toy",
        tuple(alloy(s, h) for s, h in [("AgAl", 1), ("AgAu", 0), ("AlAu", 1), ("AuCo", 0)] for s in [(s[:2], s[2:])]),
    )
    counts = {f.name: class_counts(dataset, f) for f in folds(dataset, "loeo")}
    assert counts["Co"] == (3, 2, 1, 0)


def test_recorded_folds_are_checked():
    dataset = toy()
    found = checked_folds(dataset, "loeo", split_hash(dataset, "loeo"))
    assert len(found) == 7
    with pytest.raises(DataError, match="the folds of 'loeo' hash to"):
        checked_folds(dataset, "loeo", "0" * 64)


def test_one_alloy_less_is_another_split():
    dataset = toy()
    fewer = replace(dataset, samples=dataset.samples[1:])
    assert split_hash(fewer, "loeo") != split_hash(dataset, "loeo")


@pytest.mark.parametrize("protocol", OWN)
def test_saved_folds_come_back_in_any_row_order(tmp_path, protocol):
    dataset = toy()
    write_folds(tmp_path / "folds.json.gz", dataset, protocol)
    again = read_folds(tmp_path / "folds.json.gz", dataset)
    for saved, made in zip(again, folds(dataset, protocol), strict=True):
        assert saved.name == made.name
        np.testing.assert_array_equal(saved.train, made.train)
        np.testing.assert_array_equal(saved.test, made.test)
    turned = replace(dataset, samples=dataset.samples[::-1])
    first, expected = read_folds(tmp_path / "folds.json.gz", turned)[0], next(folds(turned, protocol))
    np.testing.assert_array_equal(first.test, expected.test)


def test_saved_folds_of_other_alloys_are_refused(tmp_path):
    dataset, path = toy(), tmp_path / "folds.json.gz"
    write_folds(path, dataset, "loeo")
    with pytest.raises(DataError, match="not those of dataset 'toy'"):
        read_folds(path, replace(dataset, samples=dataset.samples[1:]))
    path.write_bytes(b"no gzip")
    with pytest.raises(DataError, match="no file of folds"):
        read_folds(path, dataset)
