"""The content hash of a dataset says the same on every processor, and sees what a reader would see."""

from __future__ import annotations

import pytest

from matdisc.datasets.load import content_hash
from matdisc.schema import Crystal, Dataset, Sample

A = 3.615


def _copper(zero: float = 0.0, edge: float = A) -> Dataset:
    crystal = Crystal(("Cu",), ((zero, 0.0, 0.0),), ((edge, zero, 0.0), (0.0, edge, -zero), (0.0, 0.0, edge)))
    return Dataset(key="copper", samples=(Sample("cu", {"crystal": crystal}, {"energy": -3.7}, "Cu", 0, ()),))


@pytest.mark.parametrize("zero", [2.2e-16, -3.1e-16, 4e-12])
def test_what_trigonometry_leaves_of_a_zero_does_not_change_the_hash(zero):
    assert content_hash(_copper(zero)) == content_hash(_copper())


def test_the_last_bit_of_an_edge_does_not_change_the_hash():
    assert content_hash(_copper(edge=A * (1 + 2.3e-16))) == content_hash(_copper())


@pytest.mark.parametrize("change", [{"zero": 1e-6}, {"edge": A + 1e-6}])
def test_a_shift_of_a_millionth_of_an_angstrom_changes_it(change):
    assert content_hash(_copper(**change)) != content_hash(_copper())
