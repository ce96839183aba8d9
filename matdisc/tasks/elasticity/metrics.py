"""How the metrics of the elasticity task are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import ERRORS, MATBENCH, SECONDS, Metric, _coverage

_BORN = "Mouhat and Coudert, Phys. Rev. B 90, 224104 (2014), doi:10.1103/PhysRevB.90.224104."

_EMPTY = "Undefined on an empty set."
_USABLE = "Undefined without a usable tensor; over the crystals that have one."
_TRIVIAL = "Where a model has no usable tensor, the median of all labels stands in."

ELASTICITY: tuple[Metric, ...] = (
    Metric("k_log_mae", "K log error", "log10(GPa)", "lower", 4, "number",
           "Mean absolute error of the logarithm of the bulk modulus, as Matbench takes it: soft and stiff crystals "
           f"count alike, 0.04 is 10 %. {_TRIVIAL} The board is sorted by it.",
           "mean |log10 K − log10 K_ref|", _EMPTY, chart=True, main=True, source=MATBENCH),
    Metric("g_log_mae", "G log error", "log10(GPa)", "lower", 4, "number",
           f"Mean absolute error of the logarithm of the shear modulus. {_TRIVIAL}",
           "mean |log10 G − log10 G_ref|", _EMPTY, chart=True, main=True, source=MATBENCH),
    Metric("k_mae", "K MAE", "GPa", "lower", 1, "number",
           f"Mean absolute error of the bulk modulus; stiff crystals dominate it. {_TRIVIAL}",
           "mean |K − K_ref|", _EMPTY, main=True, source=ERRORS),
    Metric("g_mae", "G MAE", "GPa", "lower", 1, "number",
           f"Mean absolute error of the shear modulus; stiff crystals dominate it. {_TRIVIAL}",
           "mean |G − G_ref|", _EMPTY, main=True, source=ERRORS),
    Metric("k_error", "K error", "%", "lower", 1, "percent",
           f"Median relative error of the bulk modulus. {_TRIVIAL}", "median |K / K_ref − 1|", _EMPTY),
    Metric("g_error", "G error", "%", "lower", 1, "percent",
           f"Median relative error of the shear modulus. {_TRIVIAL}", "median |G / G_ref − 1|", _EMPTY),
    Metric("k_bias", "K bias", "%", None, 1, "percent",
           "Median relative difference of the bulk modulus: below 0, crystals come out too soft.",
           "median (K / K_ref − 1)", _USABLE),
    Metric("g_bias", "G bias", "%", None, 1, "percent",
           "Median relative difference of the shear modulus: below 0, crystals come out too soft.",
           "median (G / G_ref − 1)", _USABLE),
    Metric("stable", "Born-stable", "%", "higher", 1, "percent",
           "Share of the tensors that are positive definite: every strain costs energy. All labels are of crystals "
           "that are.",
           "tensors whose smallest eigenvalue is above 0 / tensors", "Undefined without a tensor.", source=_BORN),
    Metric("usable", "Usable tensors", "%", "higher", 1, "percent",
           "Share of all crystals with a stable tensor that explains 90 % of the stresses' variance, from ions at rest "
           "(no force above 0.05 eV/Å). A missing answer is not usable.",
           "usable tensors / crystals", _EMPTY, main=True),
    Metric("g_log_mae_clamped", "G log error, clamped ions", "log10(GPa)", "lower", 4, "number",
           "The error that the shear modulus would have if ions followed the strained cell instead of being relaxed, "
           f"as some workflows report it. {_TRIVIAL}",
           "mean |log10 G_clamped − log10 G_ref|", _EMPTY),
    Metric("k_clamping", "K, clamped − relaxed", "%", None, 1, "percent",
           "Mean difference that clamping the ions makes to the bulk modulus, relative to it.",
           "mean (K_clamped / K − 1)", _USABLE),
    Metric("g_clamping", "G, clamped − relaxed", "%", None, 1, "percent",
           "Mean difference that clamping the ions makes to the shear modulus, relative to it; 0 where symmetry holds "
           "every ion. It counts at most 100 %, for crystals about to become unstable would dominate it.",
           "mean min(G_clamped / G − 1, 1)", _USABLE),
    _coverage("Share of the crystals with a tensor, be it an unstable one."),
    SECONDS,
)  # fmt: skip
"""In the order of columns; medians are those whose formula says so."""
MEDIANS = ("k_error", "g_error", "k_bias", "g_bias")
