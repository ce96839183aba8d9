"""Stage A: what labelled alloys say about exchanging one group of elements for another (the source "data").

Two training alloys with a common core, of which one has the group T and the other V, are one piece of evidence about
the unordered key {T, V}: for similarity where their labels agree, against it where they differ. T or V may be empty.
With groups of at most two elements the lengths differ by at most two. Tables over keys are symmetric arrays of shape
(n_groups, n_groups) in which overlapping groups, and a group with itself, have no evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from matdisc.arrays import Bools, Floats, Ints
from matdisc.errors import DataError
from matdisc.models.evidence.groups import Alloy, Groups, Masks, Splits, set_name
from matdisc.models.evidence.masses import Combined, combine_counts, from_logs


@dataclass(frozen=True)
class Hosts:
    """Labelled alloys and their splits, ready to be looked up by core.

    Attributes:
        masks: Bit mask of each alloy, shape (n_hosts,).
        high: Label of each, shape (n_hosts,).
        splits: Their splits.
        cores: Sorted masks of all cores, shape (n_cores,).
        core: Place in `cores` of each split, shape (n_splits,).
    """

    masks: Masks
    high: Bools
    splits: Splits
    cores: Masks
    core: Ints

    def only(self, keep: Bools) -> Hosts:
        """The same with the hosts in `keep` alone, shape (n_hosts,); their numbers and the cores stay."""
        kept = keep[self.splits.alloy]
        splits = Splits(self.splits.alloy[kept], self.splits.core[kept], self.splits.group[kept])
        return Hosts(self.masks, self.high, splits, self.cores, self.core[kept])

    def incidence(self, n_groups: int, weight: Floats) -> Any:
        """Sparse matrix (n_cores, n_groups) with the weight of the host that is core and group together."""
        from scipy.sparse import csr_array

        entries = (weight[self.splits.alloy], (self.core, self.splits.group))
        return csr_array(entries, shape=(len(self.cores), n_groups))


def hosts_of(groups: Groups, alloys: Sequence[Alloy], high: ArrayLike) -> Hosts:
    """Return alloys with their labels as hosts.

    Raises:
        DataError: If two alloys are the same, with equal or with opposite labels.
    """
    labels = np.asarray(high, bool)
    masks = groups.encode(alloys)
    unique, count = np.unique(masks, return_counts=True)
    if len(unique) < len(masks):
        twice = unique[count > 1][0]
        said = sorted({"High" if labels[i] else "Low" for i in np.flatnonzero(masks == twice)})
        raise DataError(
            f"alloy {set_name(groups.decode(twice))!r} occurs twice, as {' and '.join(said)}; keep one of them"
        )
    splits = groups.splits(masks)
    cores, core = np.unique(splits.core, return_inverse=True)
    return Hosts(masks, labels, splits, cores, core.astype(np.int64))


@dataclass(frozen=True, slots=True)
class Counts:
    """Pairs of training alloys with equal and with different labels behind each key, shape (n_groups, n_groups)."""

    same: Floats
    different: Floats


def count_pairs(groups: Groups, hosts: Hosts) -> Counts:
    """Count the pairs of hosts behind each key, by label: one product of sparse matrices over common cores."""
    every = hosts.incidence(len(groups), np.ones(len(hosts.masks)))
    signed = hosts.incidence(len(groups), np.where(hosts.high, 1.0, -1.0))
    total, balance = (every.T @ every).toarray(), (signed.T @ signed).toarray()
    same = np.where(groups.disjoint, (total + balance) / 2, 0.0)
    return Counts(same, np.where(groups.disjoint, (total - balance) / 2, 0.0))


def data_masses(counts: Counts, alpha: float) -> Combined:
    """Masses (similar, dissimilar, not known) of each key from equal pieces of strength alpha, by Dempster's rule.

    Raises:
        TotalConflict: If alpha is 1 and a key has pairs of both kinds.
    """
    return combine_counts(counts.same, counts.different, alpha)


def weighted_masses(groups: Groups, hosts: Hosts, weights: Floats, alpha: float) -> Combined:
    """The same where the pair of alloys i and j has the strength alpha w_i w_j, which has to lie in [0, 1].

    Raises:
        TotalConflict: If pieces of strength 1 contradict each other.
        ValueError: If a weight is negative, or a strength exceeds 1.
    """
    if (weights < 0).any() or alpha * weights.max(initial=0.0) ** 2 > 1:
        raise ValueError("weights have to be at least 0, and alpha w_i w_j at most 1")
    size = len(groups)
    first, second = joined(hosts.core, hosts.core, len(hosts.cores))
    t, v = hosts.splits.group[first], hosts.splits.group[second]
    pairs = groups.disjoint[t, v]
    first, second, key = first[pairs], second[pairs], (t * size + v)[pairs]
    i, j = hosts.splits.alloy[first], hosts.splits.alloy[second]
    with np.errstate(divide="ignore"):
        log_q = np.log1p(-alpha * weights[i] * weights[j])
    equal = hosts.high[i] == hosts.high[j]
    a: Floats = np.bincount(key[equal], log_q[equal], size * size).reshape(size, size).astype(float)
    b: Floats = np.bincount(key[~equal], log_q[~equal], size * size).reshape(size, size).astype(float)
    return from_logs([b, a, a + b])


def joined(left: Ints, right: Ints, n_cores: int) -> tuple[Ints, Ints]:
    """Return places in `left` and `right` of all combinations with equal core, sorted by the place in `left`."""
    by_core = np.argsort(right, kind="stable")
    size = np.bincount(right, minlength=n_cores)
    start = np.cumsum(size) - size
    repeats = size[left]
    first = np.repeat(np.arange(len(left)), repeats)
    within = np.arange(len(first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return first, by_core[start[left[first]] + within]
