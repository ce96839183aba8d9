"""What is made of computed enthalpies of mixing: a table of substitutability, and a comparison with published ones."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from matdisc.atomic import write_atomic
from matdisc.canonical import canonical_json
from matdisc.physics.alloys.tables import LATTICES as TABLE_LATTICES
from matdisc.physics.alloys.tables import energies_from, tabulated_elements
from matdisc.run.mixing.driver import Mixing
from matdisc.units import KJ_PER_MOL
from matdisc.version import __version__

SCHEMA = "matdisc.pairs/1"
RECIPE = "s = 2^-(D / median D)^2, d = 1 - s; D^2 = mean over lattices and C of (dH(A,C) - dH(B,C))^2; no label used"
COLUMNS = ("element_1", "element_2", "domain", "can_answer", "s", "d", "distance_ev")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Computed dH against Omega / 4 of published tables on one lattice, over `n` pairs; errors eV/atom."""

    lattice: str
    n: int
    mae: float
    bias: float
    pearson: float
    spearman: float


def agreement(found: Mixing, folder: Path) -> list[Agreement]:
    """Return how enthalpies agree with the published interactions in `folder`, lattice by lattice.

    Raises:
        DataError: If the tables are not there.
    """
    from scipy.stats import rankdata

    names = [el for el in found.elements if el in tabulated_elements(folder)]
    if len(names) < 3:
        return []
    own = [found.elements.index(el) for el in names]
    omegas = energies_from(folder, names).omegas / KJ_PER_MOL
    upper = np.triu_indices(len(names), 1)
    rows = []
    for place, lattice in enumerate(found.lattices):
        true = omegas[TABLE_LATTICES.index(lattice)][upper] / 4
        pred = found.enthalpies[place][np.ix_(own, own)][upper]
        known = np.isfinite(pred)
        true, pred = true[known], pred[known]
        if len(pred) < 3:
            continue
        rows.append(
            Agreement(
                lattice,
                len(pred),
                float(np.abs(pred - true).mean()),
                float((pred - true).mean()),
                float(np.corrcoef(true, pred)[0, 1]),
                float(np.corrcoef(rankdata(true), rankdata(pred))[0, 1]),
            )
        )
    return rows


def write_table(found: Mixing, out: Path) -> str:
    """Write the table of substitutability and, beside it as .json, where it comes from; return the table's sha256."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"dh_{lattice.lower()}_ev" for lattice in found.lattices)])
    domain = f"mixing by {found.settings['model']}"
    for (i, a), (j, b) in combinations(enumerate(found.elements), 2):
        s = float(found.similar[i, j])
        similarity = [f"{s:.4f}", f"{1 - round(s, 4):.4f}"] if np.isfinite(s) else ["", ""]
        numbers = [_number(found.distances[i, j]), *(_number(h) for h in found.enthalpies[:, i, j])]
        writer.writerow([a, b, domain, "yes" if np.isfinite(s) else "no", *similarity, *numbers])
    data = text.getvalue().encode()
    digest = hashlib.sha256(data).hexdigest()
    write_atomic(out, data)
    as_columns = {
        "schema": SCHEMA,
        "table_sha256": digest,
        **found.settings,
        "matdisc": __version__,
        "elements": list(found.elements),
        "lattices": list(found.lattices),
        "recipe": RECIPE,
        "off_lattice": list(found.off_lattice),
        "statuses": dict(sorted(found.counts.items())),
        "machines": found.cost["machines"],
    }
    write_atomic(out.with_suffix(".json"), canonical_json(as_columns).encode())
    return digest


def _number(value: float) -> str:
    return f"{value:.5f}" if np.isfinite(value) else ""
