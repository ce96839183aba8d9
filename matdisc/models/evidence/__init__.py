"""Evidence theory on labelled alloys: substitutability from data and knowledge, and what follows for a new alloy.

The classes are in `estimator` (scikit-learn interface) and `model` (NumPy alone), the arithmetic in `masses`,
`substitution` and `inference`, the knowledge in `sources`; docs/explanation/evidence.md has the equations.
"""

from matdisc.models.evidence.masses import RULES, Combined, TotalConflict, combine, combine_counts, combine_segments
from matdisc.models.evidence.model import Beliefs, EvidenceModel
from matdisc.models.evidence.settings import Settings
from matdisc.models.evidence.sources import PairTable

__all__ = [
    "RULES",
    "Beliefs",
    "Combined",
    "EvidenceModel",
    "PairTable",
    "Settings",
    "TotalConflict",
    "combine",
    "combine_counts",
    "combine_segments",
]
