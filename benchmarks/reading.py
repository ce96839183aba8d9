"""Reading a predictions file of full size in every format, over reading it as csv.gz: seconds of CPU on one thread.

The file is a published one from the mirror, or random numbers without a mirror.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.report import ratio
from matdisc.predictions import read

N = 256_963
REPEAT = 5
ORIENTATIONS = ("records", "columns", "index", "table", "split")


def measure(folder: Path) -> None:
    """Print a line for each format; the base is read before each again, so that other work disturbs both alike."""
    base, files = write(folder)
    read(base, ("e_form_per_atom",))  # imports are paid before
    for file in files:
        seconds = [(_cpu(base), _cpu(file)) for _ in range(REPEAT)]
        of_base, of_file = (min(column) for column in zip(*seconds, strict=True))
        what = f"{N:,} predictions, {file.stem} {''.join(file.suffixes[-2:])} / csv.gz"
        ratio(what, of_file, of_base, better="lower")


def write(folder: Path) -> tuple[Path, list[Path]]:
    """Write the predictions in every format; return the csv.gz and the others."""
    mirror = os.environ.get("MATDISC_MIRROR")
    if mirror:
        table = pd.read_csv(Path(mirror) / "wbm" / "chgnet-0.3.0.csv.gz")[["material_id", "e_form_per_atom"]]
    else:
        values = np.random.default_rng(0).normal(-0.5, 1.0, N).round(4)
        table = pd.DataFrame({"material_id": [f"wbm-{1 + i % 5}-{i}" for i in range(N)], "e_form_per_atom": values})
    base = folder / "p.csv.gz"
    table.to_csv(base, index=False)
    table.to_csv(folder / "p.csv", index=False)
    table.to_csv(folder / "p.tsv", index=False, sep="\t")
    for name in ("p.jsonl", "p.jsonl.gz"):
        table.to_json(folder / name, orient="records", lines=True)
    for orientation in ORIENTATIONS:
        table.to_json(folder / f"{orientation}.json", orient=orientation)
    table.to_parquet(folder / "p.parquet")
    names = ["p.csv", "p.tsv", "p.jsonl", "p.jsonl.gz", *(f"{name}.json" for name in ORIENTATIONS), "p.parquet"]
    return base, [folder / name for name in names]


def _cpu(file: Path) -> float:
    started = time.process_time()
    read(file, ("e_form_per_atom",))
    return time.process_time() - started
