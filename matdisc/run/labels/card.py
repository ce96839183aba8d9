"""What stands in `labels.toml` beside frozen frames."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from matdisc.models.get.frames import Frames
from matdisc.models.get.labels.config import LabelConfig
from matdisc.models.get.labels.labels import Rejection
from matdisc.version import __version__

SCHEMA = "matdisc.labels/1"


def labels_card(
    config: LabelConfig,
    frames: Frames,
    digest: str,
    source: str,
    left: dict[str, list[Rejection]],
    seconds: float,
    keys: Sequence[str],
) -> str:
    """Return the text of `labels.toml`: what the frames are, their hash, and what was left out."""
    held_out = [one.name for one in config.system if one.held_out]
    lines = [
        f'schema = "{SCHEMA}"',
        f'level_of_theory = "{config.method}"',
        'charges_scheme = "Mulliken"',
        "dispersion_in_labels = true",
        f"held_out_systems = {json.dumps(held_out, ensure_ascii=False)}",
        f"trajectories = {len(keys)}",
        f"cpu_seconds = {seconds:.0f}",
        "",
        "[frames]",
        'file = "frames.npz"',
        f'sha256 = "{digest}"',
        f"count = {len(frames)}",
        f"atoms = {int(frames.frame_ptr[-1])}",
        "",
        "[config]",
        f"seed = {config.seed}",
        f'sha256 = "{hashlib.sha256(source.encode()).hexdigest() if source else ""}"',
        "",
        "[versions]",
        *(f'{name} = "{text}"' for name, text in _versions().items()),
        "",
        "[systems]  # frames of each",
        *(f"{json.dumps(name, ensure_ascii=False)} = {n}" for name, n in Counter(frames.system.tolist()).items()),
        "",
        "[left_out]  # structures without a place among the frames; parts/*.json names each",
        *(f"{json.dumps(why, ensure_ascii=False)} = {n}" for why, n in reasons(left).most_common()),
        "",
    ]
    return "\n".join(lines)


def _versions() -> dict[str, str]:
    return {"matdisc": __version__} | {name: version(name) for name in ("tblite", "ase", "numpy", "scipy")}


def reasons(left: Mapping[str, Sequence[Rejection]]) -> Counter[str]:
    """Return how many structures were left out for what, as "rattled: forces beyond the limit"."""
    return Counter(f"{one.kind}: {_short(one.why)}" for ones in left.values() for one in ones)


def _short(why: str) -> str:
    """A reason without the numbers that differ from structure to structure."""
    return "forces beyond the limit" if why.startswith("largest force") else why.rpartition(": ")[2]
