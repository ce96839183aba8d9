"""Publication: cards, predictions and results go to the board, or come off it, and then the site is built once.

One process at a time does so, under the named lease `board`. Killed at any point it leaves submissions that are still
to be published or withdrawn, so that the next one does all of it again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.board import Board
from matdisc.errors import MatdiscError
from matdisc.service.blobs import Blobs
from matdisc.service.guards import is_private
from matdisc.service.release import evaluated, public_row
from matdisc.service.settings import Settings
from matdisc.service.states import State
from matdisc.service.store.database import Store
from matdisc.service.store.publication import hold, let_go, set_published, set_withdrawn, to_publish, to_withdraw
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import get, listing, review
from matdisc.service.worker.keys import clash

BOARD = "board"
BEGUN = "publishing.json"
"""Names what is being published: if it is withdrawn while nobody is at it, it has to come off again."""
MOST = 50
"""Publications before a site is built."""

log = logging.getLogger("matdisc.service.publish")


@dataclass(frozen=True, slots=True)
class Publisher:
    """What publication needs; `worker` is who holds the lease."""

    settings: Settings
    store: Store
    blobs: Blobs
    worker: str
    at_work: Event = field(default_factory=Event)

    @property
    def board(self) -> Board:
        return Board(self.settings.board)

    def hold(self) -> bool:
        """Take the lease of the board, or keep it; False if another has it."""
        return hold(self.store, BOARD, self.worker, self.settings.work.lease_seconds)

    def keep(self) -> None:
        """Renew the lease of the board while it is used; called from another thread."""
        if self.at_work.is_set():
            self.hold()

    def publish_due(self) -> int:
        """Publish and withdraw what is due, build the site, and return how many submissions were changed.

        Raises:
            MatdiscError, OSError: If the board cannot be written or its site not be built; all is still due then.
        """
        due, gone = to_publish(self.store, moderation=self.settings.moderation)[:MOST], to_withdraw(self.store)
        if not (due or gone or self._begun.exists()) or not self.hold():
            return 0
        self.at_work.set()
        try:
            return self._change(due, gone)
        finally:
            self.at_work.clear()
            let_go(self.store, BOARD, self.worker)

    @property
    def _begun(self) -> Path:
        return self.settings.home / BEGUN

    def _change(self, due: Iterable[Submission], gone: list[Submission]) -> int:
        wanted = {one.id: (one, row) for one in due if (row := self._row(one)) is not None}
        left = [one for one in self._left_over() if one.state != State.PUBLISHED and one.id not in wanted]
        write_atomic(self._begun, json.dumps([*wanted, *(one.id for one in left)]).encode())
        for one, row in wanted.values():
            self._place(one, row)
        for one in (*gone, *left):
            self._take_off(one)
        placed = [one for one, _ in wanted.values()]
        self._rebuild([*placed, *gone, *left])
        if not self.hold():  # another has taken over, who does all of this again
            return 0
        missed = [one for one in placed if not set_published(self.store, one.id)]
        for one in missed:
            self._take_off(one)
        self._rebuild(missed)
        for one in gone:
            set_withdrawn(self.store, one.id)
        self._begun.unlink(missing_ok=True)
        return len(placed) - len(missed) + len(gone)

    def _left_over(self) -> list[Submission]:
        try:
            ids = json.loads(self._begun.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [one for name in ids if (one := get(self.store, name)) is not None]

    def _row(self, one: Submission) -> dict[str, Any] | None:
        """Return the row of a submission; None if it cannot have one, which its team is told."""
        why, row = clash(self.store, self.board, one), None
        if not why and (row := public_row(self.store, self.settings, one)) is None:
            why = "no new best of your team by more than one standard error; the board keeps the one before"
        if why:
            log.info("%s is not published: %s", one.id, why)
            with suppress(MatdiscError):  # withdrawn meanwhile
                review(self.store, one.id, "declined", self.worker, why)
        return row

    def _place(self, one: Submission, row: dict[str, Any]) -> None:
        """Put card, predictions, details and result on the board; with private labels the card and the result only."""
        from matdisc.leaderboard.results import write_details, write_result

        if one.kind != "model":
            write_atomic(self.board.models_dir / one.model / "model.toml", one.card.encode())
        own = evaluated(self.store, one)
        if own is not None and not is_private(self.settings, one.dataset):
            self._place_file(one, row["entry"], str((own.fingerprint or {}).get("run", "")))
            if own.details_sha256 is not None:
                write_details(self.board, json.loads(self.blobs.read(own.details_sha256)))
        write_result(self.board, row)

    def _place_file(self, one: Submission, entry: str, run: str) -> None:
        from matdisc.leaderboard.submit import store_file

        assert one.file_sha256 is not None, "it was evaluated"
        data = self.blobs.read(one.file_sha256)
        place = store_file(self.board, one.task, one.dataset, f"{entry}{one.file_suffix}", data)
        if run:
            write_atomic(_run_file(place), run.encode())

    def _take_off(self, one: Submission) -> None:
        """Take a row off the board, unless another submission of its team stands behind it now."""
        own = evaluated(self.store, one)
        if own is None:
            return
        entry = own.content["entry"]
        result = self.board.results_dir / one.task / one.dataset / f"{entry}.json"
        if not _is_of(result, own.predictions_sha256) or self._twin(one):
            return
        from matdisc.leaderboard.submit import stored_files

        for file in stored_files(self.board, one.task, one.dataset, entry):
            _run_file(file).unlink(missing_ok=True)
            file.unlink()
        (self.board.details_dir / one.task / one.dataset / f"{entry}.json").unlink(missing_ok=True)
        result.unlink()
        self._take_off_card(one)

    def _take_off_card(self, one: Submission) -> None:
        if one.kind == "model" or any(self.board.results_dir.glob(f"*/*/{one.model}.json")):
            return
        card = self.board.models_dir / one.model / "model.toml"
        card.unlink(missing_ok=True)
        with suppress(OSError):  # a maintainer has put something beside it
            card.parent.rmdir()

    def _twin(self, one: Submission) -> bool:
        """Whether the very same result is published for another submission of the team too."""
        rows = listing(
            self.store, team_id=one.team_id, states=(State.PUBLISHED,), task=one.task, dataset=one.dataset, limit=1000
        )
        return any(row.result_key == one.result_key and row.id != one.id and not row.withdraw_requested for row in rows)

    def _rebuild(self, changed: list[Submission]) -> None:
        """Rank the tables that have changed, and build the site."""
        from matdisc.leaderboard.ranking import write_ranking
        from matdisc.leaderboard.site import build

        for task, dataset in dict.fromkeys((one.task, one.dataset) for one in changed):
            if not is_private(self.settings, dataset):
                write_ranking(self.board, task, dataset)
        if changed:
            build(self.board, withheld=frozenset(self.settings.guards.private))


def _run_file(predictions_file: Path) -> Path:
    from matdisc.run.predict import provenance_path

    return provenance_path(predictions_file)


def _is_of(result: Path, predictions_sha256: str) -> bool:
    """Whether the row on the board was made from these very predictions."""
    try:
        said = json.loads(result.read_text(encoding="utf-8"))["provenance"]["predictions_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(said == predictions_sha256)
