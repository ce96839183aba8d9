"""Three model cards in Matbench Discovery's form, and its card of data sets, made up for the tests.

Counts: 100 materials of which 20 are stable; unrounded, 18 of them are.
"""

from __future__ import annotations

from pathlib import Path

HOSTILE = "<img src=x onerror=alert(1)>\u202e =HYPERLINK(0)"

DATASETS = """
WBM:
  name: WBM
  n_structures: 100
  n_materials: 100
  n_stable_materials: 18
  n_uniq_stable_materials: 18
MPtrj:
  name: Materials Project trajectories
  n_structures: 1580395 # frames
  n_materials: 145923
  open: true
  date_created: 2023-07-19
  license: MIT
  params: {code: VASP, functional: PBE+U}
Big:
  name: Big
  contains: [MPtrj, Small]
  n_structures: 1000000000
  open: false
Small:
  name: Small
  n_structures: 10
Unused:
  name: Unused
"""


def discovery(tp: int, fp: int, fn: int, **changed: object) -> str:
    """Return the three subsets as YAML; the last has 10,000 materials, all of them called stable."""
    tn = 100 - tp - fp - fn
    subset = {"TP": tp, "FP": fp, "TN": tn, "FN": fn, "MAE": 0.03, "RMSE": 0.08, "R2": 0.8, "missing_preds": 1}
    p, r = tp / (tp + fp), tp / (tp + fn)
    subset |= {"F1": round(2 * p * r / (p + r), 3), "Precision": round(p, 3), "Recall": round(r, 3)}
    full = subset | {"DAF": round(p / 0.20, 3)} | changed
    unique = subset | {"DAF": round(p / 0.18, 3)}
    top = {"TP": 9000, "FP": 1000, "TN": 0, "FN": 0, "F1": 0.947, "Precision": 0.9, "Recall": 1.0, "DAF": 5.0}
    sets = {"full_test_set": full, "unique_prototypes": unique, "most_stable_10k": top}
    lines = ["  discovery:", "    pred_file: {name: models/a/b.csv.gz, size: 3}"]
    for name, numbers in sets.items():
        lines += [f"    {name}:", *(f"      {field}: {value}" for field, value in numbers.items())]
    return "\n".join(lines)


def card(key: str, name: str, metrics: str, **changed: str) -> str:
    fields = {
        "model_key": key,
        "model_version": "1.10",
        "dates": "{benchmark_added: '2026-01-02', paper_published: null}",
        "lifecycle": "active",
        "authors": "[{name: Ada Example, affiliation: No}, {name: Bo Example}]",
        "license": "{code: MIT, checkpoint: MIT}",
        "openness": "OSOD",
        "targets": "EFS_G",
        "architecture_types": "[gnn]",
        "training_sets": "[MPtrj]",
        "model_params": "4688656",
        "repo": "https://example.org/repo",
        "paper": "https://example.org/paper",
        "pr_url": "https://github.com/janosh/matbench-discovery/pull/1",
        "checkpoint_url": "https://example.org/weights",
        "notes": "{description: a word}",
    } | changed
    lines = [f"model_name: '{name}'", *(f"{field}: {value}" for field, value in fields.items() if value)]
    return "\n".join([*lines, f"metrics:\n{metrics}" if metrics else ""])


KAPPA = "  phonons: {kappa_103: {κ_SRME: 0.6823, κ_SRE: 0.471, κ_SRD: -0.2845, κ_failure_rate: 0.0291}}"
GEOMETRY = "  geo_opt: {symprec=1e-2: {rmsd: 0.0915, symmetry_match: 0.81, n_structures: 97}}"
PAIRS = "  diatomics: {tortuosity: 1.279, hardware: none}\n  md: not available"


def write_cards(folder: Path) -> Path:
    """Write three cards with numbers and one without, and the card of data sets."""
    folder.mkdir(parents=True)
    cards = {
        "mace-mp-0": card("mace-mp-0", "MACE-MP-0", "\n".join([discovery(16, 4, 4), KAPPA, GEOMETRY, PAIRS])),
        "hostile": card(
            "hostile", HOSTILE, discovery(15, 5, 5), training_sets="[Big]", openness="CSCD", targets="E",
            architecture_types="[fingerprint]",
            model_params="0", model_version="null",
        ),
        "sevennet-0": card(
            "sevennet-0", "SevenNet-0", discovery(15, 5, 5, MAE=0.031) + "\n" + GEOMETRY.replace("0.0915", "0.0193"),
            lifecycle="superseded", superseded_by="mace-mp-0", targets="EFS_DM",
            license="{code: MIT, checkpoint: unreleased}",
        ),
        "empty": card("empty", "Empty", "", lifecycle="aborted"),
    }  # fmt: skip
    for name, text in cards.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    (folder / "_datasets.yml").write_text(DATASETS, encoding="utf-8")
    return folder
