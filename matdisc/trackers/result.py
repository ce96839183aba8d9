"""A result as trackers take it: flat names and values, and the files behind them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matdisc.canonical import canonical_json
from matdisc.leaderboard.cost import packages_of


@dataclass(frozen=True, slots=True)
class TrackedResult:
    """A result of matdisc, ready to be logged.

    Attributes:
        content: The result as it lies on a board (schema `matdisc.result/2`).
        predictions: The predictions file that was scored; None if a service has it.
        sha256: Of the result's JSON: equal results have equal hashes, so that a tracker can know one again.
    """

    content: Mapping[str, Any]
    predictions: Path | None = None
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(canonical_json(dict(self.content)).encode()).hexdigest()
        object.__setattr__(self, "sha256", digest)

    @property
    def name(self) -> str:
        """Row, data set and task in a few words."""
        return f"{self.content['entry'] or 'predictions'} on {self.content['dataset']} ({self.content['task']})"

    @property
    def params(self) -> dict[str, str]:
        """What was asked of whom: model, row, task, data set, protocol, hashes, and versions of the packages."""
        provenance = self.content["provenance"]
        found = {key: self.content.get(key) for key in ("model", "entry", "task", "dataset", "subset", "origin")}
        found["protocol"] = (self.content.get("protocol") or {}).get("key")
        found |= {key: provenance.get(key) for key in ("matdisc", "dataset_sha256", "predictions_sha256")}
        found |= {f"version.{package}": version for package, version in packages_of(self.content.get("cost")).items()}
        return {key: str(value) for key, value in found.items() if value}

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics by key, with the ends of their 95 % intervals as `KEY.low` and `KEY.high`, counts and cost.

        What is undefined is left out.
        """
        found: dict[str, Any] = {}
        for key, metric in self.content["metrics"].items():
            found |= {key: metric.get("value"), f"{key}.low": metric.get("low"), f"{key}.high": metric.get("high")}
        found |= {f"coverage.{key}": count for key, count in self.content.get("coverage", {}).items()}
        found |= {f"cost.{key}": value for key, value in (self.content.get("cost") or {}).items()}
        return {key: float(value) for key, value in found.items() if isinstance(value, int | float)}

    @property
    def tags(self) -> dict[str, str]:
        """The hash by which the result is known again, and what a reader has to know before trusting the numbers."""
        flags = "; ".join(self.content.get("flags", ()))
        return {"matdisc.result": self.sha256} | ({"matdisc.flags": flags[:5000]} if flags else {})

    @contextmanager
    def files(self) -> Iterator[list[Path]]:
        """Yield the files to be kept beside the numbers: `result.json`, and the predictions."""
        with TemporaryDirectory(prefix="matdisc-") as folder:
            path = Path(folder, "result.json")
            path.write_text(canonical_json(dict(self.content)), encoding="utf-8")
            yield [path, *([self.predictions] if self.predictions else [])]
