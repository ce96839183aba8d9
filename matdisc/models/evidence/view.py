"""The training alloys as one alphabet shows them: hosts, counts of pairs, and what the tables say."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matdisc.arrays import Floats
from matdisc.models.evidence.groups import Groups
from matdisc.models.evidence.masses import Combined
from matdisc.models.evidence.substitution import Counts, Hosts, count_pairs, data_masses, weighted_masses


@dataclass(frozen=True)
class View:
    """Training alloys in one alphabet.

    Attributes:
        groups: The alphabet and its groups.
        hosts: The training alloys.
        counts: Pairs of them behind each key; None where they are no source.
        table_masses: Masses of the tables, shape (n_tables, n_elements, n_elements, 3), discounted by their share.
    """

    groups: Groups
    hosts: Hosts
    counts: Counts | None
    table_masses: Floats


def masses_of(view: View, alpha: float, weights: Floats | None) -> Combined:
    """Return the masses of the data source, undiscounted; `weights` of all training alloys, shape (n_alloys,)."""
    if weights is None:
        assert view.counts is not None
        return data_masses(view.counts, alpha)
    return weighted_masses(view.groups, view.hosts, weights, alpha)


def restricted(view: View, keep: NDArray[np.bool_], *, count: bool) -> View:
    """Return the view with the hosts in `keep` alone, counted anew if asked; numbers and cores stay."""
    hosts = view.hosts.only(keep)
    return replace(view, hosts=hosts, counts=count_pairs(view.groups, hosts) if count else None)
