"""Running an approved model for a submission, in a process of its own that goes on where a killed one stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from matdisc.cards import ModelCard
from matdisc.service.settings import Settings
from matdisc.service.states import OPEN
from matdisc.service.store.database import Store
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import get

RUNS = "runs"
SUFFIX = ".csv.gz"
END_SECONDS = 5.0
"""Time that a run gets to end in good order."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The predictions file of a run, and what the run wrote beside it (JSON)."""

    file: Path
    run: str


def clean_runs(settings: Settings, store: Store) -> None:
    """Remove what killed runs have left of submissions that have ended."""
    folder = settings.home / RUNS
    for left in folder.iterdir() if folder.is_dir() else ():
        found = get(store, left.name)
        if found is None or found.state not in OPEN:
            shutil.rmtree(left, ignore_errors=True)


class ModelRun:
    """A model at work; `done` of `total` materials are answered."""

    def __init__(
        self, settings: Settings, submission: Submission, card: ModelCard, workers: int | None, address: str | None
    ) -> None:
        """Start it.

        Args:
            workers: Processes at a time; None for one on each core, 0 for none beside the run's own.
            address: A Ray cluster that runs already.
        """
        self.folder = settings.home.absolute() / RUNS / submission.id
        self.folder.mkdir(parents=True, exist_ok=True)
        alone = workers == 0 and not card.requirements  # nothing to isolate, and no Ray is wanted
        order = {
            "board": str(settings.board.absolute()),
            "model": card.key,
            "task": submission.task,
            "dataset": submission.dataset,
            "out": str(self.folder / f"predictions{SUFFIX}"),
            "workers": 0 if alone else None if workers is None else max(1, workers),
            "address": address,
            "env": "inherit" if alone else "isolated",
        }
        self.done, self.total, self.trouble, self._error = 0, 0, "", ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "matdisc.service.worker.model_process", json.dumps(order)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    @property
    def ended(self) -> bool:
        """Whether the process has ended, and all that it said is known."""
        return self._process.poll() is not None and not self._reader.is_alive()

    @property
    def error(self) -> str:
        """Why there are no predictions though the model may be sound, in words; empty if there are."""
        code = self._process.returncode
        return self._error or (f"the process that ran the model ended with code {code}" if code else "")

    def answered(self) -> Answered:
        """Return what a run that ended well has left."""
        beside = self.folder / "predictions.run.json"
        return Answered(self.folder / f"predictions{SUFFIX}", beside.read_text(encoding="utf-8"))

    def end(self) -> None:
        """Stop it, in good order if it can, and remove its folder; what the model has answered is in its record."""
        with suppress(ProcessLookupError):
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            try:
                said = json.loads(line)
            except ValueError:  # something that the model's packages print
                continue
            if isinstance(said, dict):
                self.done, self.total = said.get("done", self.done), said.get("total", self.total)
                self.trouble, self._error = said.get("trouble", ""), said.get("error", "")
