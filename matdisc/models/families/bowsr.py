"""Bayesian optimisation of a crystal's free lattice and Wyckoff parameters, by the energies of another family.

Zuo et al., Mater. Today 51, 126 (2021). A Gaussian process learns the energies of the shapes that were tried, and the
next is the one with the largest expected improvement; what the family says of the best shape is the answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from matdisc.arrays import Floats
from matdisc.atomic import write_atomic
from matdisc.datasets.fetch import cache_dir
from matdisc.errors import CardError
from matdisc.models.families.family import COST, TARGET, Family, Model, Training, predictor
from matdisc.physics.shapes import Shapes, shapes
from matdisc.schema import Crystal, Sample

STRAIN, MOVE = 0.05, 0.2
"""Largest logarithmic strain and longest move of an atom, Å, along each free parameter."""
FIRST, EACH = 6, 4
"""Shapes that are tried of a crystal: so many, and so many more for each free parameter, up to the budget."""
SPREAD = 10
"""Most of them that are spread evenly, before the process chooses."""
LENGTHS = (0.3, 0.6, 1.2, 2.4)
"""Length scales that the process chooses from, in half widths of the range."""
NOISE = 1e-6
"""Variance relative to that of the energies: networks calculate in single precision."""


def load(energy: str = "cgcnn", evaluations: int = 30, strain: float = STRAIN, move: float = MOVE, members: int = 2,
         seed: int = 0, trained_on: str | None = None) -> Family:  # fmt: skip
    """Return the family for a card.

    Args:
        energy: Module of the family whose energies are minimised; what it learnt is shared with its own row.
        evaluations: Most shapes of a crystal that are tried; the first is the crystal itself.
        strain: Largest logarithmic strain along each free lattice parameter.
        move: Longest move of an atom along each free Wyckoff parameter, Å.
        members: Trainings of that family, whose mean is minimised; their spread at the best shape makes the interval.
        seed: Of the first of them.
        trained_on: Dataset to learn from where the asked one has no training part.

    Raises:
        CardError: If there is no such family.
    """
    other = _family(energy)(members=members, seed=seed)

    def fit(training: Training) -> Model:
        learnt = _learnt(other, training)

        def answers(crystals: Sequence[Crystal]) -> Floats:
            return relaxed(crystals, learnt, evaluations, strain, move)

        return answers

    settings: dict[str, Any] = {"evaluations": evaluations, "strain": strain, "move": move, "energy": other.made_of()}
    return predictor("bowsr", fit, packages=("moyopy", *other.packages), seed=seed, trained_on=trained_on,
                     reads_properties=other.reads_properties, **settings)  # fmt: skip


def relaxed(crystals: Sequence[Crystal], energy: Model, evaluations: int, strain: float, move: float) -> Floats:
    """Return the energies of the best shapes, eV/atom, as `energy` gives them; nan where it has none of a crystal.

    Args:
        crystals: Each is optimised by itself; all are asked about together, a shape of each at a time.
        energy: A trained family; where it draws, the mean is minimised.
        evaluations: Most shapes of a crystal that are tried.
        strain, move: Limits along each parameter, the latter in Å; a parameter whose limit is 0 is not free.
    """
    found = [shapes(crystal) for crystal in crystals]
    places = [i for i, one in enumerate(found) if one is not None]
    free = [one.within(strain, move) for one in found if one is not None]
    said = np.atleast_2d(energy(lowest(free, lambda asked: np.atleast_2d(energy(asked)).mean(axis=0), evaluations)))
    answers = np.full((len(said), len(crystals)), np.nan)
    answers[:, places] = said
    return answers


def lowest(free: Sequence[Shapes], energy: Model, evaluations: int) -> list[Crystal]:
    """Return the shape of each crystal that has the lowest energy of all that were tried, from -1 to 1 everywhere."""
    tried = [np.zeros((1, one.n_free)) for one in free]
    energies = [np.array([e]) for e in energy([one.crystal(np.zeros(one.n_free)) for one in free])]
    for count in range(1, evaluations):
        going = [i for i, one in enumerate(free) if _goes_on(count, one.n_free) and np.isfinite(energies[i][0])]
        if not going:
            break
        new = [following(tried[i], energies[i]) for i in going]
        said = energy([free[i].crystal(point) for i, point in zip(going, new, strict=True)])
        for i, point, e in zip(going, new, said, strict=True):
            tried[i], energies[i] = np.vstack([tried[i], point]), np.append(energies[i], e)
    best = [points[np.nan_to_num(e, nan=np.inf).argmin()] for points, e in zip(tried, energies, strict=True)]
    return [one.crystal(point) for one, point in zip(free, best, strict=True)]


def _goes_on(count: int, n_free: int) -> bool:
    return n_free > 0 and count < FIRST + EACH * n_free


def following(tried: Floats, energies: Floats) -> Floats:
    """Return the point to try next, in the cube from -1 to 1: spread out first, then by expected improvement.

    Args:
        tried: Points so far, shape (n, n_parameters), the first in the middle.
        energies: Of them; nan counts as the highest of the others.
    """
    from scipy.special import ndtr

    spread, around = _points(tried.shape[1])
    if len(tried) <= min(FIRST // 2 + tried.shape[1], SPREAD):
        return spread[len(tried) - 1]
    energies = np.where(np.isfinite(energies), energies, np.nanmax(energies))
    points = np.vstack([spread, np.clip(tried[energies.argmin()] + around, -1.0, 1.0)])
    mean, deviation = _process(tried, energies).predict(points, return_std=True)
    gain = energies.min() - mean
    z = gain / np.maximum(deviation, 1e-12)
    improvement = gain * ndtr(z) + deviation * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return points[improvement.argmax()]


def _process(tried: Floats, energies: Floats) -> Any:
    """Return the Gaussian process of the likeliest length scale."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern

    how = {"alpha": NOISE, "optimizer": None, "normalize_y": True}
    fitted = [GaussianProcessRegressor(Matern(length, nu=2.5), **how).fit(tried, energies) for length in LENGTHS]
    return max(fitted, key=lambda process: process.log_marginal_likelihood_value_)


@lru_cache(maxsize=512)
def _points(n: int) -> tuple[Floats, Floats]:
    """Return points that fill the cube evenly (Sobol's), and steps of several lengths around its middle."""
    from scipy.stats import qmc

    rng = np.random.default_rng(n)
    steps = rng.normal(size=(128, n)) * rng.choice([0.02, 0.1, 0.3], size=(128, 1))
    return 2 * qmc.Sobol(n, scramble=False).random_base2(8)[2:] - 1, steps  # without the corner and the middle


def _family(name: str) -> Callable[..., Family]:
    try:
        found: Callable[..., Family] = import_module(f"{__package__}.{name}").load
    except (ModuleNotFoundError, AttributeError) as err:
        if isinstance(err, ModuleNotFoundError) and err.name != f"{__package__}.{name}":
            raise  # a package that it needs
        raise CardError(f"option 'energy' is {name!r} and no family; name one as its module, e.g. 'cgcnn'") from err
    return found


def _learnt(other: Family, training: Training) -> Model:
    """Return what the members of the other family say, one below the other, and note what their training took."""
    rows = zip(training.crystals, training.energies, strict=True)
    samples = [Sample(str(i), {"crystal": c}, {TARGET: float(e)}, c.chemical_system) for i, (c, e) in enumerate(rows)]
    inside = training.folder.is_relative_to(cache_dir())  # else what was learnt is to predict without the cache
    places = [None if inside else training.folder / f"energy-{i}" for i in range(other.members)]
    members = [other.learn(samples, other.seed + i, place) for i, place in enumerate(places)]
    cost = sum(member.seconds for member in members) * len(samples)
    write_atomic(training.folder / COST, json.dumps({"cpu_seconds": round(cost, 3)}).encode())
    return lambda crystals: np.vstack([member.model(crystals) for member in members])
