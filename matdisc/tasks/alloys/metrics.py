"""How the metrics of the alloys task are named, printed and explained. Computed in `matdisc.metrics.belief`."""

from __future__ import annotations

from matdisc.scoring.metric import CONFUSION, MACRO_F1, MATBENCH_DISCOVERY, MATTHEWS, SECONDS, Metric

_HERE = "Defined here: docs/explanation/alloys.md"
_BRIER = "Brier, Mon. Weather Rev. 78, 1 (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2."
_BALANCED = "Brodersen et al., Proc. ICPR 3121 (2010), doi:10.1109/ICPR.2010.764."
_RISK = "Geifman et al., arXiv:1805.08206."
_SCORES = "Gneiting and Raftery, J. Am. Stat. Assoc. 102, 359 (2007), doi:10.1198/016214506000001437."
_CALIBRATION = "Guo et al., arXiv:1706.04599."
_CONFLICT = "Shafer, A Mathematical Theory of Evidence (1976)."

_NEVER = "Always defined."
_MEAN = " Mean over the folds, as every number here."

BELIEFS: tuple[Metric, ...] = (
    Metric("brier", "Brier", None, "lower", 3, "number",
           "Mean squared distance between the stated probability and what is the case; the board is sorted by it, "
           "because only honest probabilities make it small. To know nothing and say 0.5 costs 0.25." + _MEAN,
           "mean (p − y)², y = 1 for High", _NEVER, chart=True, main=True, source=_BRIER),
    Metric("macro_f1", "Macro F1", None, "higher", 3, "number",
           "Mean of the F1 of both classes. An abstention counts as the majority class of the training part.",
           "(F1 of High + F1 of Low) / 2", "Undefined in a fold where a class neither occurs nor is called.",
           chart=True, main=True, source=MACRO_F1),
    Metric("f1_high", "F1 of High", None, "higher", 3, "number",
           "Harmonic mean of precision and recall of the single-phase class.",
           "2 TP / (2 TP + FP + FN)", "Undefined in a fold where nothing is High and nothing is called so.", main=True,
           source=CONFUSION),
    Metric("mcc", "MCC", None, "higher", 3, "number",
           "Matthews correlation of call and truth: 0 for guessing, 1 for perfect.",
           "(TP TN − FP FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))", "Undefined if truth or calls have one class only.",
           main=True, source=MATTHEWS),
    Metric("roc_auc", "AUC", None, "higher", 3, "number",
           "Chance that a High alloy gets a higher probability than a Low one; ties count half.",
           "area under the ROC curve", "Undefined if a fold has one class only.", main=True, source=CONFUSION),
    Metric("balanced_accuracy", "Balanced accuracy", None, "higher", 3, "number",
           "Mean of the shares of High and of Low alloys that are called rightly.",
           "(TP / (TP + FN) + TN / (TN + FP)) / 2", "Undefined if a fold has one class only.", source=_BALANCED),
    Metric("accuracy", "Accuracy", None, "higher", 3, "number",
           "Share of all alloys that are called rightly, abstentions as the majority class.",
           "(TP + TN) / all", _NEVER, source=CONFUSION),
    Metric("accuracy_answered", "Accuracy answered", None, "higher", 3, "number",
           "Share of the alloys with an opinion that are called rightly; read it beside the coverage.",
           "right / answered", "Undefined where nothing is answered."),
    Metric("daf", "DAF", None, "higher", 2, "number",
           "Discovery acceleration factor: how many times more often an alloy that is called High is High than one "
           "picked at random. Its ceiling is 1 / prevalence.",
           "precision / prevalence", "Undefined if nothing is called High, or nothing is.", main=True,
           source=MATBENCH_DISCOVERY),
    *(
        Metric(f"daf_at_{share}", f"DAF@{share}%", None, "higher", 2, "number",
               f"The same for the {share} % of the alloys with the highest probabilities; equal ones count with the "
               "mean over all their orders.",
               "precision in the first alloys / prevalence", "Undefined if nothing is High.", main=share == 5,
               source=MATBENCH_DISCOVERY)
        for share in (1, 5, 20)
    ),
    *(
        Metric(f"daf_at_{share}_max", f"DAF@{share}% at best", None, None, 2, "number",
               f"What a perfect ranking has there: the ceiling of DAF@{share}%.",
               "min(1, High / k) / prevalence", "Undefined if nothing is High.")
        for share in (1, 5, 20)
    ),
    *(
        Metric(f"accuracy_at_{share}_by_{by}", f"Accuracy of {share} %", f"by {name}", "higher", 3, "number",
               f"Accuracy of the {share} % of the alloys that are most certain by {text}; equally certain ones count "
               "with their mean.",
               "right / kept", _NEVER, main=(share, by) == (50, "u"))
        for by, name, text in (
            ("u", "ignorance", "the width of their interval"),
            ("p", "probability", "the distance of their probability from 0.5"),
        )
        for share in (25, 50, 75)
    ),
    Metric("risk_area_by_u", "AURC", "by ignorance", "lower", 3, "number",
           "Area under the risk-coverage curve: the mean error rate over all coverages when the alloys with the widest "
           "intervals are left out first.",
           "mean error rate over coverages of 1, 2, ..., 100 %", _NEVER, main=True, source=_RISK),
    Metric("risk_area_by_p", "AURC", "by probability", "lower", 3, "number",
           "The same when the alloys with probabilities nearest to 0.5 are left out first.",
           "mean error rate over coverages of 1, 2, ..., 100 %", _NEVER, source=_RISK),
    Metric("coverage", "Coverage", "%", None, 1, "percent",
           "Share of the alloys about which there is any opinion. The others are abstentions, or have no usable "
           "answer.",
           "alloys with plausibility − belief < 1 / all", _NEVER, main=True),
    Metric("interval_hit_rate", "Interval hits", "%", "higher", 1, "percent",
           "Share of the alloys in bins of probability whose observed share of High lies between the mean belief and "
           "plausibility. An interval of 0 to 1 always hits: read it beside the width.",
           "alloys in bins that are hit / all", _NEVER, main=True, source=_HERE),
    Metric("interval_width", "Interval width", None, None, 3, "number",
           "Mean of plausibility minus belief: 0 for a plain probability, 1 for knowing nothing.",
           "mean (plausibility − belief)", _NEVER, main=True, source=_HERE),
    Metric("interval_score", "Interval score", None, "lower", 3, "number",
           "Width plus 20 times the distance by which a bin misses (Winkler's score at 10 %).",
           "width + (2 / 0.1) · distance outside", _NEVER, source=_SCORES),
    Metric("ece", "Calibration error", None, "lower", 3, "number",
           "Mean distance between stated probability and observed share in 10 bins of equal width.",
           "Σ n / N · |mean p − rate|", _NEVER, source=_CALIBRATION),
    Metric("conflict_median", "Conflict", "median", None, 3, "number",
           "Mass on the empty set before it was normalised away: how much the sources contradict each other.",
           "median", "Unknown where no conflict is stated.", source=_CONFLICT),
    Metric("conflict_p90", "Conflict", "90 %", None, 3, "number",
           "Nine alloys in ten have at most this conflict.", "90 % quantile", "Unknown where no conflict is stated.",
           source=_CONFLICT),
    Metric("conflict_share", "Sources disagree", "%", None, 1, "percent",
           "Share of the alloys with a conflict above 0.5.", "such alloys / all",
           "Unknown where no conflict is stated.", source=_CONFLICT),
    SECONDS,
)  # fmt: skip
"""Metrics of beliefs, in the order of the columns."""
