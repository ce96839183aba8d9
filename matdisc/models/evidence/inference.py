"""Stage B: what known alloys say about a candidate, through the substitutability of the groups they differ by.

A host A with its label y and a candidate X with a common core give one piece of evidence about X, of key {A - X, X - A}
with masses (s, d, u): version `v1` puts s on y and leaves the rest unknown; `v2` puts alpha s on y and alpha d on the
other label. Hosts are found by core. A piece that says nothing is none, and no piece means abstention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from matdisc.arrays import Bools, Floats, Ints
from matdisc.models.evidence.groups import Groups, Splits
from matdisc.models.evidence.masses import Combined, Rule, combine_segments, from_logs
from matdisc.models.evidence.substitution import Hosts, joined

Version = Literal["v1", "v2"]
CHUNK = 4_000_000
"""Numbers held at a time, so that memory does not grow with the number of candidates."""


@dataclass(frozen=True, slots=True)
class Queries:
    """Splits of candidates whose core some host has: number of the candidate, place of the core, number of the group.

    `n` is the number of candidates; the arrays are sorted by candidate.
    """

    n: int
    candidate: Ints
    core: Ints
    group: Ints


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces of evidence, sorted by candidate: who is spoken about, by which host, and through which key.

    `removed` is the group that the host has and the candidate lacks, `added` the reverse; arrays of shape (n_pieces,).
    """

    candidate: Ints
    host: Ints
    removed: Ints
    added: Ints


def queries_of(hosts: Hosts, splits: Splits, n: int) -> Queries:
    """Return those splits of n candidates whose core is known; the others have no evidence."""
    place = np.searchsorted(hosts.cores, splits.core)
    place = np.minimum(place, max(len(hosts.cores) - 1, 0))
    known = hosts.cores[place] == splits.core if len(hosts.cores) else np.zeros(len(place), bool)
    return Queries(n, splits.alloy[known], place[known], splits.group[known])


def own_queries(hosts: Hosts, keep: Bools) -> Queries:
    """Return the hosts in `keep` as candidates, numbered in their order."""
    kept = keep[hosts.splits.alloy]
    number = np.cumsum(keep) - 1
    return Queries(int(keep.sum()), number[hosts.splits.alloy[kept]], hosts.core[kept], hosts.splits.group[kept])


def by_products(hosts: Hosts, masses: Floats, queries: Queries, version: Version, alpha: Floats) -> tuple[Floats, ...]:
    """Return log P, log N and log U of each candidate, shape (n_candidates, n_settings) each; no piece is listed.

    Args:
        hosts: The labelled alloys.
        masses: Similar, dissimilar and unknown mass of each key, shape (3, n_groups, n_groups, n_settings); (0, 0, 1)
            where no host may speak.
        queries: The candidates.
        version: See above.
        alpha: Factor of `v2`, shape (n_settings,).
    """
    s, d, u = masses
    with np.errstate(divide="ignore"):
        if version == "v1":
            own = np.log(d + u)  # 1 - s, exact also where s is nearly 1
            high, low = (_summed(hosts.only(label), own, queries) for label in (hosts.high, ~hosts.high))
            return low, high, high + low
        rest = 1.0 - alpha
        parts = [rest + alpha * (d + u), rest + alpha * (s + u), rest + alpha * u]
        tables = np.log(np.concatenate(parts, axis=-1))
    high, low = (_summed(hosts.only(label), tables, queries) for label in (hosts.high, ~hosts.high))
    (hs, hd, hu), (ls, ld, lu) = (np.split(x, 3, axis=1) for x in (high, low))
    return hd + ls, hs + ld, hu + lu


def by_pieces(
    hosts: Hosts, masses: Floats, queries: Queries, version: Version, alpha: float, rule: Rule
) -> tuple[Combined, Ints]:
    """Return the combined masses of each candidate by any rule, and its number of pieces, from the pieces themselves.

    `masses` are those of one setting, shape (3, n_groups, n_groups).
    """
    combined, conflict, count = np.tile([0.0, 0.0, 1.0], (queries.n, 1)), np.zeros(queries.n), np.zeros(queries.n, int)
    for part in _parts(hosts, queries):
        found = pieces(hosts, part)
        triples = piece_masses(hosts, masses, found, version, alpha)
        speaking = triples[:, :2].any(axis=1)
        numbers, segment = np.unique(found.candidate[speaking], return_inverse=True)
        done = combine_segments(triples[speaking], segment, len(numbers), rule)
        combined[numbers], conflict[numbers] = done.masses, done.conflict
        count[numbers] = np.bincount(segment, minlength=len(numbers))
    return Combined(combined, conflict), count


def count_pieces(hosts: Hosts, masses: Floats, queries: Queries, version: Version) -> Ints:
    """Return how many pieces say something about each candidate, shape (n_candidates,); `masses` of one setting."""
    speaking = masses[0] > 0 if version == "v1" else masses[0] + masses[1] > 0
    return np.rint(_summed(hosts, speaking[..., None].astype(float), queries)[:, 0]).astype(np.int64)


def combine_products(logs: tuple[Floats, ...], setting: int, rule: Rule) -> Combined:
    """Combine what `by_products` returns for one setting; rules that follow from products alone."""
    return from_logs([x[:, setting] for x in logs], rule)


def pieces(hosts: Hosts, queries: Queries) -> Pieces:
    """Return every candidate and host with a common core; of groups that overlap, `speaking_keys` leaves no mass."""
    first, second = joined(queries.core, hosts.core, len(hosts.cores))
    return Pieces(
        queries.candidate[first], hosts.splits.alloy[second], hosts.splits.group[second], queries.group[first]
    )


def piece_masses(hosts: Hosts, masses: Floats, found: Pieces, version: Version, alpha: float) -> Floats:
    """Return the masses (High, Low, not known) of pieces, shape (n_pieces, 3); `masses` of one setting."""
    s, d, u = masses[:, found.removed, found.added]
    if version == "v1":
        own, other, rest = s, np.zeros_like(s), d + u
    else:
        own, other, rest = alpha * s, alpha * d, (1.0 - alpha) + alpha * u
    high = hosts.high[found.host]
    return np.stack([np.where(high, own, other), np.where(high, other, own), rest], axis=-1)


def speaking_keys(groups: Groups, masses: Floats, order: int) -> Floats:
    """Return masses with the kind first, (3, n_groups, n_groups); (0, 0, 1) where groups overlap or exceed `order`."""
    small = groups.sizes <= order
    allowed = groups.disjoint & small[:, None] & small[None, :]
    return np.stack([np.where(allowed, masses[..., kind], float(kind == 2)) for kind in range(3)])


def _summed(hosts: Hosts, table: Floats, queries: Queries) -> Floats:
    """Sum the entries [removed, added] of a table (n_groups, n_groups, k) over the hosts of each candidate: (n, k)."""
    size, k = table.shape[0], table.shape[2]
    used, place = np.unique(queries.core, return_inverse=True)
    matrix = hosts.incidence(size, np.ones(len(hosts.masks)))[used]
    flat = np.ascontiguousarray(table.reshape(size, size * k))
    values = np.empty((len(place), k))
    order = np.argsort(place, kind="stable")
    step = max(1, CHUNK // max(size * k, 1))
    bounds = np.searchsorted(place[order], np.arange(0, len(used) + step, step))
    for number, (begin, end) in enumerate(pairwise(bounds)):
        rows = order[begin:end]
        start = number * step
        block = (matrix[start : start + step] @ flat).reshape(-1, size, k)
        values[rows] = block[place[rows] - start, queries.group[rows]]
    columns = [np.bincount(queries.candidate, values[:, i], queries.n) for i in range(k)]
    return np.stack(columns, axis=1)


def _parts(hosts: Hosts, queries: Queries) -> Iterator[Queries]:
    """Cut the queries between candidates, so that each part has about CHUNK / 8 pieces."""
    per_split = np.bincount(hosts.core, minlength=len(hosts.cores))[queries.core]
    ends = np.cumsum(np.bincount(queries.candidate, per_split, queries.n))
    part = (ends // (CHUNK // 8)).astype(np.int64)[queries.candidate]
    for number in np.unique(part):
        rows = part == number
        yield Queries(queries.n, queries.candidate[rows], queries.core[rows], queries.group[rows])
