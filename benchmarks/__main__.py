"""`make bench`: what scoring and running cost, as ratios in one run on this machine. One thread a process throughout.

`python -m benchmarks PART ...` measures some parts alone. Each line says what was measured, the times, and their ratio;
the ratios and what the machine is are also written as JSON, which `matdisc bench compare` compares with another one and
`python -m benchmarks report FILE` prints as the table of docs/results/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

PROPERTIES = tuple(
    f"properties-{name}" for name in ("dimers", "elasticity", "eos", "phonons", "soundness", "vacancies")
)
PARTS = (
    "scoring", "reading", "alloys", "perovskites", "voronoi", "bootstrap", "workers", "relaxation", "get", "engine",
    "batching", "families", "service", *PROPERTIES, "wbm", "site",
)  # fmt: skip
"""What is measured, in this order: modules with a function `measure(folder)`."""
GROUPS = {"properties": PROPERTIES}
PROGRAMS = {
    "soak": ("soak", "a run that is shot at"),
    "service-soak": ("service_soak", "a submission service that is shot at"),
    "gpu": ("gpu", "what a GPU changes"),
    "scaling": ("scaling", "CHGNet relaxations by one worker and by several"),
    "thousand-workers": ("thousand_workers", "a simulation of a thousand workers on WBM"),
    "liquids": ("liquids", "the shipped models of liquids side by side: liquids FRAMES ..."),
    "conductivity": ("conductivity", "the conductivity of lead telluride by CHGNet, against a published one"),
    "families-unrelaxed": ("families", "what strain costs networks that learn from crystals"),
    "report": ("report", "the table of a report: report FILE"),
}
"""Modules with a `main(arguments)` of their own, which are no part of the whole, and what they do."""
LATEST = Path(__file__).parent / "results" / "latest.json"


def main(arguments: Sequence[str]) -> int:
    """Run what is named, or every part."""
    if arguments and arguments[0] in PROGRAMS:
        return int(_module(PROGRAMS[arguments[0]][0]).main(arguments[1:]))
    parser = _parser()
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.parts if name not in (*PARTS, *GROUPS)]:
        print(f"{parser.format_help()}\nno part {', '.join(unknown)}", file=sys.stderr)
        return 2
    parts = [part for name in asked.parts or PARTS for part in GROUPS.get(name, (name,))]
    return measure(parts, asked.repeat, asked.out)


def measure(parts: Sequence[str], repeat: int, out: Path) -> int:
    """Measure parts, all of them `repeat` times in turn, and write their ratios after each."""
    from benchmarks.report import Collected

    collected, failed = Collected(), 0
    for _ in range(repeat):
        for part in parts:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    _module(part).measure(Path(folder))
                except Exception as err:  # the other parts are not lost for one
                    failed += 1
                    print(f"{part} is not measured: {type(err).__name__}: {err}", file=sys.stderr)
            collected.take(part)
            collected.write(out)
    print(f"report: {out}")
    return 1 if failed else 0


def _module(part: str) -> Any:
    return import_module(f"benchmarks.{part.replace('-', '_')}")


def _parser() -> argparse.ArgumentParser:
    listed = textwrap.fill(f"parts: {', '.join(PARTS)}; groups: {', '.join(GROUPS)}", 100, subsequent_indent="  ")
    programs = "".join(f"\n  {name:20s}{what}" for name, (_, what) in PROGRAMS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=(__doc__ or "").split("\n\n")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"{listed}\nprograms with options of their own (NAME --help):{programs}",
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help="what to measure; default: every part, which takes long"
    )
    parser.add_argument("--repeat", type=int, default=1, help="how often, for the spread of the ratios (default 1)")
    parser.add_argument(
        "--out", type=Path, default=LATEST, help="the JSON file (default benchmarks/results/latest.json)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
