"""How the metrics of each kind of task are named, printed and explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]
Form = Literal["number", "percent", "count"]


@dataclass(frozen=True, slots=True)
class Metric:
    """How one metric is named, printed, explained and shaded.

    Attributes:
        key: Name in the result file.
        label: Column header.
        unit: Printed under the header; None for pure numbers.
        better: Which direction is good; None where neither is (counts, cost): no shading.
        decimals: Digits after the point, the same in the whole column.
        form: `percent` prints a share times 100.
        help: One sentence for the tooltip and the methods page.
        formula: Plain-text definition.
        undefined: When there is no value.
        chart: Whether a dataset's page draws it with its intervals.
        main: Whether a table shows it at first, where the settings do not choose.
        source: Where the definition comes from, with doi or arXiv number, or the document that gives ours.
    """

    key: str
    label: str
    unit: str | None
    better: Better | None
    decimals: int
    form: Form
    help: str
    formula: str
    undefined: str
    chart: bool = False
    main: bool = False
    source: str = ""

    @property
    def first_direction(self) -> str:
        """Sort direction of the first click: best first."""
        return "ascending" if self.better == "lower" else "descending"


MATBENCH_DISCOVERY = "Riebesell et al., Nat. Mach. Intell. 7, 836 (2025), doi:10.1038/s42256-025-01055-1."
MATBENCH_DISCOVERY_SITE = "Matbench Discovery, later than its paper: https://matbench-discovery.materialsproject.org"
MATBENCH = "Dunn et al., npj Comput. Mater. 6, 138 (2020), doi:10.1038/s41524-020-00406-3."
CONFUSION = "Fawcett, Pattern Recognit. Lett. 27, 861 (2006), doi:10.1016/j.patrec.2005.10.010."
MACRO_F1 = "Opitz and Burst, arXiv:1911.03347, the mean of the F1 of the classes."
MATTHEWS = "Matthews, Biochim. Biophys. Acta 405, 442 (1975), doi:10.1016/0005-2795(75)90109-9."
ERRORS = "Willmott and Matsuura, Clim. Res. 30, 79 (2005), doi:10.3354/cr030079."
EXPLAINED = "Kvålseth, Am. Stat. 39, 279 (1985), doi:10.1080/00031305.1985.10479448."
INTERVALS = "Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018), doi:10.1080/01621459.2017.1307116."
CONSERVATION = "After Bigi et al., arXiv:2412.11569: forces that are no gradient of the energy."
"""Sources that several tasks have in common."""

_NEVER = "Always defined."
SECONDS = Metric(
    "seconds", "Time", "s/material", None, 2, "number",
    "Mean wall-clock time of one material, where the prediction came from a run of this package. Machines "
    "differ: compare with care.",
    "seconds of all materials / number of materials", "Unknown for submitted files.",
)  # fmt: skip
"""Of every task."""
_SPEED = Metric(
    "crystals_per_cpu_hour", "Speed", "crystals/CPU hour", None, 0, "count",
    "Materials that a run of this package finished in an hour of one processor core, loading of the model included. "
    "Processors differ: compare with care; with a GPU this is not the cost that counts.",
    "materials / CPU time", "Unknown for submitted files.",
)  # fmt: skip


def _coverage(said: str) -> Metric:
    return Metric("coverage", "Coverage", "%", None, 1, "percent", said, "usable answers / expected answers", _NEVER,
                  main=True)  # fmt: skip


def show(metric: Metric, value: float | None, *, decimals: int | None = None) -> str:
    """Return the value as text with the metric's fixed decimals; an en dash where it is undefined."""
    if value is None:
        return "–"
    if metric.form == "count":
        return f"{value:,.0f}"
    places = metric.decimals if decimals is None else decimals
    text = f"{100 * value if metric.form == 'percent' else value:,.{places}f}"
    if text[0] == "-" and not text.strip("-0.,"):  # no minus before a zero
        text = text[1:]
    return text.replace("-", "−")


def show_interval(metric: Metric, low: float | None, high: float | None, *, decimals: int | None = None) -> str:
    """Return `low–high`, or an empty text where the interval is undefined."""
    if low is None or high is None:
        return ""
    return f"{show(metric, low, decimals=decimals)}–{show(metric, high, decimals=decimals)}"
