"""Energies of single atoms that are taken off the labels before a network learns what is left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from matdisc.errors import DataError
from matdisc.models.get.frames import Frames


def element_counts(frames: Frames, elements: Sequence[int]) -> NDArray[np.float64]:
    """Return how many atoms of each element each frame has, shape (F, n_elements).

    Raises:
        DataError: If a frame holds another element.
    """
    place = np.full(int(max(*elements, *frames.numbers.tolist())) + 1, -1)
    place[list(elements)] = np.arange(len(elements))
    columns = place[frames.numbers]
    if (columns < 0).any():
        row = int(np.argmax(columns < 0))
        frame = int(np.searchsorted(frames.frame_ptr, row, side="right") - 1)
        raise DataError(
            f"system {str(frames.system[frame])!r} holds element {frames.numbers[row]}, which no frame of the training "
            "part has: nothing can be learned of it; move a trajectory with it to the training part, or leave it out"
        )
    counts = np.zeros((len(frames), len(elements)))
    np.add.at(counts, (np.repeat(np.arange(len(frames)), frames.n_atoms), columns), 1)
    return counts


def fit_baseline(frames: Frames, energy: NDArray[np.float64] | None = None) -> dict[int, float]:
    """Return energies per element (eV) whose sums fit the frames' energies best in least squares.

    Where compositions do not tell elements apart, the smallest such energies.

    Args:
        frames: The training part alone.
        energy: What to fit, shape (F,), eV; default: the labels.
    """
    elements = sorted({int(z) for z in frames.numbers})
    target = frames.energy if energy is None else energy
    fitted, *_ = np.linalg.lstsq(element_counts(frames, elements), target, rcond=None)
    return {z: float(e) for z, e in zip(elements, fitted, strict=True)}


def baseline_energy(frames: Frames, baseline: dict[int, float]) -> NDArray[np.float64]:
    """Return the baseline's energy of each frame, shape (F,), eV; raises as `element_counts`."""
    elements = sorted(baseline)
    return element_counts(frames, elements) @ np.array([baseline[z] for z in elements])
