"""What Matbench Discovery publishes of a model: parts, their metrics, and what these are called in its cards.

Definitions: github.com/janosh/matbench-discovery, matbench_discovery/metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from matdisc.scoring.metric import Better, Form, Metric
from matdisc.scoring.stability_metrics import STABILITY

SUBSETS = {
    "unique_prototypes": "Unique prototypes",
    "full_test_set": "Full test set",
    "most_stable_10k": "10,000 most stable",
}
"""Materials that discovery is scored on; the last are the 10,000 that a model itself calls most stable."""
OLD_RMSD = frozenset(("dpa3-v1-openlam", "dpa3-v1-mptrj", "sevennet-0"))
"""Rows whose RMSD was taken with a smaller matching tolerance: their unmatched structures cost less than others'."""


@dataclass(frozen=True, slots=True)
class Part:
    """Numbers that belong together, the place where they stand in a card, and the field of each metric there."""

    key: str
    place: tuple[str, ...]
    metrics: dict[str, Metric]


def _metric(
    key: str, label: str, unit: str | None, decimals: int, said: str, better: Better | None = "lower"
) -> Metric:
    form: Form = "number" if unit or decimals else "count"
    return Metric(key, label, unit, better, decimals, form, said, "as published", "A dash where nothing is published.")


def _share(key: str, label: str, said: str, better: Better | None = "lower") -> Metric:
    return replace(_metric(key, label, "%", 2, said, better), form="percent")


_STABILITY = {metric.key: replace(metric, decimals=3) for metric in STABILITY}
DISCOVERY: dict[str, Metric] = {
    **{field: _STABILITY[field.lower()] for field in ("F1", "DAF", "Precision", "Recall", "Accuracy", "FPR", "TNR")},
    **{field: _STABILITY[field.lower()] for field in ("FNR", "MAE", "RMSE", "R2", "TP", "FP", "TN", "FN")},
    "missing_preds": _metric(
        "n_missing", "Missing", None, 0, "Materials without a prediction; they count as called unstable."
    ),
}
GEOMETRY = {
    "rmsd": _metric(
        "rmsd", "RMSD", None, 4,
        "Root mean square displacement from the DFT structure over the cube root of the volume of an atom; 1 where the "
        "two cannot be matched.",
    ),
    "n_sym_ops_mae": _metric(
        "n_sym_ops_mae", "Symmetry operations", None, 2, "Mean absolute error of the number of symmetry operations."
    ),
    "symmetry_match": _share("symmetry_match", "Same symmetry", "Share with the space group of DFT.", "higher"),
    "symmetry_decrease": _share("symmetry_decrease", "Lost symmetry", "Share that lost symmetry operations."),
    "symmetry_increase": _share("symmetry_increase", "Gained symmetry", "Share that gained symmetry operations.", None),
    "n_structures": _metric(
        "n_structures", "Structures", None, 0, "Structures with a symmetry; those that are absent cost nothing.", None
    ),
}  # fmt: skip
KAPPA = {
    "κ_SRME": _metric(
        "kappa_srme", "κ SRME", None, 4,
        "Mean symmetric relative error of the thermal conductivity, mode by mode: 0 is exact, 2 is worst, and counts "
        "for each failure.",
    ),
    "κ_failure_rate": _share("kappa_failure_rate", "κ failed", "Share of the crystals that count as 2."),
    "κ_SRE": _metric("kappa_sre", "κ SRE", None, 4, "Mean symmetric relative error of the total conductivity."),
    "κ_SRD": _metric("kappa_srd", "κ SRD", None, 4, "The same with its sign: below 0 is too low.", None),
    "imaginary_mode_rate": _share("imaginary_mode_rate", "Imaginary modes", "Share of crystals with imaginary modes."),
    "spectrum_w1": _metric(
        "spectrum_w1", "Spectrum", "THz", 3, "Wasserstein distance of the phonon frequencies from those of DFT."
    ),
}  # fmt: skip
DIATOMICS = {
    "pbe_energy_mae": _metric("pair_energy_mae", "Pair energy", "eV", 3, "Mean absolute error of curves of two atoms."),
    "pbe_force_mae": _metric("pair_force_mae", "Pair force", "eV/Å", 3, "The same of forces."),
    "pbe_bond_length_error": _metric("pair_bond_length", "Pair bond", "Å", 3, "Mean absolute error of bond lengths."),
    "pbe_well_depth_error": _metric("pair_well_depth", "Pair well", "eV", 3, "Mean absolute error of well depths."),
    "pbe_vib_freq_error": _metric("pair_frequency", "Pair vibration", "1/cm", 1, "Mean absolute error of wavenumbers."),
    "pbe_wall_dist_mae": _metric("pair_wall", "Pair wall", "Å", 3, "Mean absolute error of where the wall stands."),
    "force_flips": _metric("pair_force_flips", "Force flips", None, 2, "Changes of the force's sign; 1 is sound."),
    "energy_diff_flips": _metric("pair_energy_flips", "Slope flips", None, 2, "Changes of the slope's sign."),
    "energy_jump": _metric("pair_energy_jump", "Pair jumps", "eV", 4, "Sum of the energy's jumps."),
    "force_jump": _metric("pair_force_jump", "Force jumps", "eV/Å", 3, "Sum of the force's jumps."),
    "force_total_variation": _metric("pair_force_variation", "Force variation", "eV/Å", 1, "Total variation of force."),
    "tortuosity": _metric("pair_tortuosity", "Tortuosity", None, 3, "Length of the way over its shortest; 1 is best."),
}
MD = {
    "rdf_error": _metric("md_rdf", "MD radial", "%", 2, "Error of the radial distribution."),
    "adf_error": _metric("md_adf", "MD angles", "%", 2, "Error of the distribution of angles."),
    "vdos_error": _metric("md_vdos", "MD vibrations", "%", 2, "Error of the vibrational density of states."),
    "pressure_error": _metric("md_pressure", "MD pressure", "%", 1, "Error of the distribution of pressure."),
    "energy_rmse": _metric("md_energy_rmse", "MD energy", "meV/atom", 2, "Root mean square error of energies."),
    "force_rmse": _metric("md_force_rmse", "MD force", "meV/Å", 1, "Root mean square error of forces."),
    "pressure_mae": _metric("md_pressure_mae", "MD mean pressure", "GPa", 3, "Difference of the mean pressures."),
    "pressure_wasserstein": _metric("md_pressure_w1", "MD pressures", "GPa", 3, "Wasserstein distance of pressures."),
    "n_systems": _metric("md_n_systems", "MD systems", None, 0, "Systems that were simulated.", None),
}
PARTS = (
    *(Part(f"discovery/{subset}", ("discovery", subset), DISCOVERY) for subset in SUBSETS),
    Part("geometry/1e-2", ("geo_opt", "symprec=1e-2"), GEOMETRY),
    Part("geometry/1e-5", ("geo_opt", "symprec=1e-5"), GEOMETRY),
    Part("kappa-103", ("phonons", "kappa_103"), KAPPA),
    Part("diatomics", ("diatomics",), DIATOMICS),
    Part("md", ("md",), MD),
)
