"""Make the frozen corrections of mp-abc3-cubic.

    python -m matdisc.generate.mp2020_corrections TABLE.csv SITES.csv REFERENCES.json.gz OUT.csv

Made with pymatgen-core 2026.10.16 in its defaults: oxidation states are guessed from the composition.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from matdisc.datasets.corrections import write_corrections
from matdisc.datasets.mp_abc3 import samples_of


def main(arguments: Sequence[str]) -> int:
    """Write the corrections of all materials to the last path given."""
    if len(arguments) != 4:
        print(f"usage: {__doc__.splitlines()[2].strip()}" if __doc__ else "", file=sys.stderr)
        return 2
    table, sites, references, out = map(Path, arguments)
    write_corrections(out, samples_of(table, sites, references, n_folds=5))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
