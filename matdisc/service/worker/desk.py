"""A worker's submissions: leased, prepared, at work, and ended. Only its main thread changes what is in here."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from matdisc.board import Board
from matdisc.errors import MatdiscError
from matdisc.service.blobs import Blobs
from matdisc.service.settings import Settings
from matdisc.service.states import State
from matdisc.service.store import leases
from matdisc.service.store.database import Store
from matdisc.service.store.leases import Lease
from matdisc.service.store.results import Evaluated, get_result, put_result
from matdisc.service.worker.jobs import Broken, Order, Overdue, Refused, Step, Valid, key_of
from matdisc.service.worker.keys import clash
from matdisc.service.worker.models import SUFFIX, ModelRun

LOOK_SECONDS = 1.0
"""How often the wish to cancel is looked up."""

log = logging.getLogger("matdisc.service.worker")


@dataclass(eq=False)
class Job:
    """A leased submission on its way: `order` is what is evaluated, `limit` when it is too late (monotonic)."""

    lease: Lease
    started: float
    limit: float
    order: Order | None = None
    running: bool = False
    lost: bool = False
    sha256: str | None = None
    suffix: str | None = None
    looked: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        return self.lease.submission.id


class Desk:
    """Everything that one worker has leased."""

    def __init__(
        self, settings: Settings, store: Store, blobs: Blobs, worker: str, *, workers: int | None, address: str | None
    ) -> None:
        """Begin with nothing.

        Args:
            worker: Id of the worker in the store.
            workers, address: What models are run with; see ModelRun. With 0 workers memory has no limit.
        """
        self.settings, self.store, self.blobs, self.worker = settings, store, blobs, worker
        self.board = Board(settings.board)
        self._workers, self._address = workers, address
        self._lock = threading.Lock()
        self._held: dict[str, Job] = {}
        self._ready: deque[Job] = deque()
        self._models: deque[Job] = deque()
        self._run: tuple[Job, ModelRun] | None = None
        self._told = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is leased."""
        return not self._held

    def beat(self) -> None:
        """Renew all leases, and note those that are lost; called from another thread."""
        with self._lock:
            held = dict(self._held)
        work = self.settings.work
        kept = leases.beat(self.store, self.worker, [job.lease for job in held.values()], work.lease_seconds)
        for name, job in held.items():
            if name not in kept:
                job.lost = True

    def next_job(self, stop: Callable[[], bool]) -> Job | None:
        """Return what is to be evaluated next, leased if nothing is ready; None if there is nothing, or on `stop`."""
        while not stop():
            if self._ready:
                return self._ready.popleft()
            lease = leases.claim(self.store, self.worker, self.settings)
            if lease is None:
                return None
            self._take(lease)
        return None

    def received(self, job: Job, step: Step) -> None:
        """Note what an evaluation says."""
        if isinstance(step, Valid):
            self._validated(job)
        elif isinstance(step, Refused):
            self._refuse(job, step.reason)
        elif isinstance(step, Overdue):
            self.time_out(job)
        elif isinstance(step, Broken):
            log.error("%s could not be evaluated:\n%s", job.id, step.trace, extra={"submission_id": job.id})
            self.give_back(job, "crashed", self._words(step))
        else:
            put_result(self.store, step)
            self._succeed(job, step, cached=False)

    def died(self, job: Job, how: str) -> None:
        """Note that the process of an evaluation is dead."""
        if time.monotonic() > job.limit:
            self.time_out(job)
        else:
            self.give_back(job, "crashed", f"{how} while it evaluated this submission")

    def unwanted(self, job: Job, grace: float = 0.0) -> bool:
        """Whether an evaluation is to be stopped: its lease is lost, its team does not want it, or it is too late.

        The submission has its new state then. `grace` seconds beyond its time are for what ends by itself.
        """
        if job.lost:
            self._drop(job)
            return True
        if time.monotonic() > job.limit + grace:
            self.time_out(job)
            return True
        if time.monotonic() - job.looked < LOOK_SECONDS:
            return False
        job.looked = time.monotonic()
        if leases.wanted_cancelled(self.store, job.lease):
            self._end(job, State.CANCELLED, "cancelled by its team")
            return True
        return False

    def time_out(self, job: Job) -> None:
        """End a submission that took too long."""
        seconds = job.limit - job.started
        self._end(job, State.TIMED_OUT, f"took longer than {seconds:,.0f} s, the limit of this service")

    def give_back(self, job: Job, outcome: str, reason: str) -> None:
        """Let another attempt follow, here or elsewhere."""
        if self._drop(job):
            leases.give_back(self.store, job.lease, outcome, reason, self.settings.work)

    def give_all_back(self, outcome: str, reason: str) -> None:
        """Leave nothing behind."""
        if self._run is not None:
            self._run[1].end()
            self._run = None
        for job in list(self._held.values()):
            try:
                self.give_back(job, outcome, reason)
            except Exception:  # the database may be gone; then the lease runs out
                log.exception("%s could not be given back", job.id)

    def look_after_models(self) -> None:
        """Start the next model that waits, say how far the one at work is, and score what it has answered."""
        self._models = deque(job for job in self._models if not self.unwanted(job))
        if self._run is None:
            if self._models:
                self._start(self._models.popleft())
            return
        job, run = self._run
        if self.unwanted(job):
            self._end_run()
        elif run.ended:
            self._score(job, run)
        elif run.done != self._told:
            self._told = run.done
            leases.progress(self.store, job.lease, run.done, run.total, f"{run.done:,} of {run.total:,} materials")

    def _words(self, step: Broken) -> str:
        if step.kind == "MemoryError":
            return (
                f"the evaluation needs more than the {self.settings.work.memory_gib:g} GiB of memory that it may have"
            )
        return f"the evaluation ended with an error of the service ({step.kind})"

    def _take(self, lease: Lease) -> None:
        now, work, one = time.monotonic(), self.settings.work, lease.submission
        seconds = work.model_seconds if one.kind == "model" and one.file_sha256 is None else work.evaluation_seconds
        job = Job(lease, now, now + seconds, running=one.state == State.RUNNING)
        with self._lock:
            self._held[job.id] = job
        log.info("leased %s", job.id, extra={"submission_id": job.id, "attempt": lease.attempt})
        if why := clash(self.store, self.board, one):
            self._refuse(job, why)
        elif one.kind == "model":
            self._models.append(job)
        else:
            assert one.file_sha256 is not None, "a submission of predictions has a file"
            self._prepare(job, one.file_sha256, str(one.file_suffix), run="")

    def _prepare(self, job: Job, sha256: str, suffix: str, *, run: str) -> None:
        """Make an order of a predictions file, unless its result is there already."""
        one, work = job.lease.submission, self.settings.work
        try:
            key = key_of(self.board, one.task, one.dataset, sha256, one.card, run)
        except MatdiscError as err:
            log.error("%s: %s", job.id, err)
            self.give_back(job, "crashed", f"{one.task} on {one.dataset} cannot be scored here now")
            return
        if (known := get_result(self.store, key)) is not None:
            if self._validated(job):
                self._succeed(job, known, cached=True)
            return
        job.order = Order(
            key=key,
            board=self.settings.board.absolute(),
            blobs=self.settings.blobs,
            task=one.task,
            dataset=one.dataset,
            model=one.model,
            card=one.card,
            sha256=sha256,
            suffix=suffix,
            run=run,
            guards=self.settings.guards,
            seconds=work.evaluation_seconds,
            memory_gib=None if self._workers == 0 else work.memory_gib,
        )
        self._ready.append(job)

    def _validated(self, job: Job) -> bool:
        if not job.running and not leases.validated(self.store, job.lease):
            self._drop(job)
            return False
        job.running = True
        return True

    def _succeed(self, job: Job, result: Evaluated, *, cached: bool) -> None:
        pending = self.settings.moderation and not job.lease.submission.private
        if self._drop(job):
            ended = leases.finish(
                self.store, job.lease, State.SUCCEEDED, result_key=result.key, cached=cached, file_sha256=job.sha256,
                file_suffix=job.suffix, review="pending" if pending else "none",
            )  # fmt: skip
            _tell(job, State.SUCCEEDED if ended else None)

    def _refuse(self, job: Job, reason: str) -> None:
        """End what cannot be scored; once it was found valid, it can only have failed."""
        self._end(job, State.FAILED if job.running else State.REJECTED, reason)

    def _end(self, job: Job, state: State, reason: str) -> None:
        if self._drop(job):
            ended = leases.finish(self.store, job.lease, state, reason, file_sha256=job.sha256, file_suffix=job.suffix)
            _tell(job, state if ended else None)

    def _drop(self, job: Job) -> bool:
        """Forget a job; False if that was done before."""
        with self._lock:
            return self._held.pop(job.id, None) is job

    def _start(self, job: Job) -> None:
        one = job.lease.submission
        try:
            card = self.board.model(one.model)
            run = ModelRun(self.settings, one, card, self._workers, self._address)
        except (MatdiscError, OSError) as err:
            log.error("%s: model %s cannot be run: %s", job.id, one.model, err)
            self.give_back(job, "crashed", f"model {one.model!r} cannot be started here now")
            return
        job.started = time.monotonic()
        job.limit = job.started + self.settings.work.model_seconds
        if self._validated(job):
            self._run, self._told = (job, run), 0
        else:
            run.end()

    def _score(self, job: Job, run: ModelRun) -> None:
        """Keep the predictions of a model that has ended, and have them scored like any others."""
        if run.error:
            log.error("%s: %s", job.id, run.error)
            self.give_back(job, "crashed", run.error.replace(f"{self.settings.board.absolute()}", "the board"))
        elif run.trouble:
            self._end(job, State.FAILED, f"the model gave no answer at all: {run.trouble}")
        else:
            answered = run.answered()
            job.sha256, job.suffix = _keep(self.blobs, answered.file), SUFFIX
            job.started = time.monotonic()
            job.limit = job.started + self.settings.work.evaluation_seconds
            self._prepare(job, job.sha256, SUFFIX, run=answered.run)
        self._end_run()

    def _end_run(self) -> None:
        if self._run is not None:
            self._run[1].end()
            self._run = None


def _keep(blobs: Blobs, file: Path) -> str:
    with file.open("rb") as source, blobs.writing() as writer:
        while part := source.read(2**20):
            writer.write(part)
        return writer.commit()


def _tell(job: Job, state: State | None) -> None:
    said = f"{state}" if state else "came to its end, but the lease was lost: another worker has it"
    log.info("%s %s", job.id, said, extra={"submission_id": job.id, "attempt": job.lease.attempt})
