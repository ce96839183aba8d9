"""How the metrics of the electrolytes task are named, printed and explained."""

from __future__ import annotations

from matdisc.scoring.metric import SECONDS, Metric

_HERE = "Defined here: docs/explanation/electrolytes.md"

_ERRORS = "Undefined without a value that comes with its error and the simulated time, and without an experiment."
_SIGMAS = (
    "The same distance in units of the combined error, of simulation and experiment: about 1 is agreement, and a large "
    "error hides much."
)

LIQUIDS: tuple[Metric, ...] = (
    Metric("density_error", "Density error", "%", "lower", 2, "percent",
           "Mean relative error of the density over the liquids whose density the model was not fitted to.",
           "mean |ρ / ρ_exp − 1|", _ERRORS, chart=True, main=True, source=_HERE),
    Metric("density_sigmas", "Density error", "σ", "lower", 1, "number", _SIGMAS,
           "mean |ρ − ρ_exp| / √(s² + u²)", _ERRORS, main=True, source=_HERE),
    Metric("density_precision", "Precision", "%", None, 2, "percent",
           "Mean statistical error of the density, relative to it: how far the runs can tell at all.",
           "mean s / ρ", "Undefined without a density that comes with its error and the simulated time.", main=True,
           source=_HERE),
    Metric("density_aligned", "Aligned density", "%", None, 2, "percent",
           "Mean relative error of densities that the model was fitted to. They are shown apart and are no test.",
           "mean |ρ / ρ_exp − 1| over aligned liquids", "Undefined without an aligned liquid.", source=_HERE),
    Metric("viscosity_error", "Viscosity error", None, "lower", 2, "number",
           "Mean absolute logarithm of the ratio of viscosities; 0.69 is a factor of two.",
           "mean |ln(η / η_exp)|", _ERRORS, chart=True, main=True, source=_HERE),
    Metric("viscosity_sigmas", "Viscosity error", "σ", "lower", 1, "number", _SIGMAS,
           "mean |η − η_exp| / √(s² + u²)", _ERRORS, source=_HERE),
    Metric("diffusion_error", "Diffusion error", None, "lower", 2, "number",
           "Mean absolute logarithm of the ratio of diffusion coefficients, corrected for the size of the box.",
           "mean |ln(D / D_exp)|", _ERRORS + " Undefined without a viscosity, which the correction needs.",
           source=_HERE),
    Metric("conductivity_error", "Conductivity error", None, "lower", 2, "number",
           "Mean absolute logarithm of the ratio of conductivities, correlations between ions included, with formal "
           "charges.", "mean |ln(σ / σ_exp)|", _ERRORS, chart=True, main=True, source=_HERE),
    Metric("conductivity_sigmas", "Conductivity error", "σ", "lower", 1, "number", _SIGMAS,
           "mean |σ − σ_exp| / √(s² + u²)", _ERRORS, source=_HERE),
    Metric("transference_error", "Transference error", None, "lower", 2, "number",
           "Mean absolute error of the cation's transference number, in the frame of the centre of mass.",
           "mean |t₊ − t₊_exp|", _ERRORS, source=_HERE),
    Metric("transference_sigmas", "Transference error", "σ", "lower", 1, "number", _SIGMAS,
           "mean |t₊ − t₊_exp| / √(s² + u²)", _ERRORS, source=_HERE),
    Metric("completed", "Completed", "%", "higher", 1, "percent",
           "Share of the liquids whose replicas all reached their end: no broken bond, no overlap, no drift. A "
           "missing answer counts 0.", "completed / asked", "Undefined on an empty set.", main=True, source=_HERE),
    Metric("simulated", "Simulated", "ps", None, 1, "number",
           "Mean time that properties come from, of each replica: the part that is dropped does not count.",
           "mean of the times", "Undefined without answers.", main=True, source=_HERE),
    Metric("coverage", "Coverage", "%", None, 1, "percent", "Share of the liquids with a usable answer.",
           "usable answers / expected answers", "Always defined."),
    SECONDS,
)  # fmt: skip
