"""ALIGNN-FF (Choudhary et al., Digital Discovery 2, 346 (2023)).

Its checkpoint is a zip with a configuration and a pickle, which runs code when it is opened; see
`matdisc.models.weights`.
"""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

NAMES = ("config.json", "best_model.pt")
"""What ALIGNN looks for in the folder of a model."""


def load(file: str, device: str = "cpu") -> Calculator:
    """Return ALIGNN-FF as an ASE calculator: eV, eV/Å, eV/Å^3.

    Args:
        file: Zip as ALIGNN publishes them, or a folder with `config.json` and `best_model.pt`.
        device: Torch device, `cpu` or `cuda`.

    Raises:
        ValueError: If one of the two files is missing.
    """
    with warnings.catch_warnings(), redirect_stdout(StringIO()), tempfile.TemporaryDirectory() as unpacked:
        warnings.simplefilter("ignore")  # torch and jarvis announce their own future
        import torch
        from alignn.ff.calculators import AlignnAtomwiseCalculator

        torch.set_num_threads(1)
        folder = Path(file) if Path(file).is_dir() else _unpack(Path(file), Path(unpacked))
        missing = [name for name in NAMES if not (folder / name).is_file()]
        if missing:
            raise ValueError(
                f"{file} has no {missing[0]}; give an ALIGNN-FF zip, or a folder with {' and '.join(NAMES)}"
            )
        return AlignnAtomwiseCalculator(path=str(folder), device=device)


def _unpack(path: Path, target: Path) -> Path:
    """Copy the two files of a model out of its zip, from whatever folder they lie in there."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            name = Path(member).name
            if name in NAMES:
                (target / name).write_bytes(archive.read(member))
    return target
