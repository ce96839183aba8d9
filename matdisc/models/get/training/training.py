"""Training of a network: from configuration and frames to a model, a table of errors and curves, stop and go on."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase.data import atomic_numbers

from matdisc.errors import RunError
from matdisc.interrupts import stop_requested
from matdisc.models.get.frames import Frames
from matdisc.models.get.reference.dispersion import C6
from matdisc.models.get.reference.potential import GET
from matdisc.models.get.settings import Settings
from matdisc.models.get.training import accuracy, checkpoint, schedule
from matdisc.models.get.training.accuracy import Row
from matdisc.models.get.training.baseline import fit_baseline
from matdisc.models.get.training.checkpoint import Progress, Tensors
from matdisc.models.get.training.config import Net, TrainConfig
from matdisc.models.get.training.evaluation import predict, set_loss, write_model
from matdisc.models.get.training.losses import loss_terms
from matdisc.models.get.training.samples import Parts, Samples, samples_of, split_parts

NO_EFFECT = {"minutes", "device", "checkpoint_seconds"}
"""Settings of a run that may differ between its parts."""
Report = Callable[[int, int, Counter[str]], None]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """How a training ended.

    Attributes:
        folder: Holds `model/`, `errors.csv`, `curves.csv` and the checkpoint.
        finished: Whether every epoch was done; else it can be resumed.
        epochs: Epochs done.
        best_epoch: The one whose weights were kept.
        seconds: Time spent, over all parts.
        rows: The table of errors; empty, and no model written, if someone asked to stop before the end.
    """

    folder: Path
    finished: bool
    epochs: int
    best_epoch: int
    seconds: float
    rows: tuple[Row, ...]


def train(
    config: TrainConfig,
    frames: Frames,
    out: Path,
    *,
    resume: bool = False,
    report: Report | None = None,
) -> TrainingResult:
    """Train a network on labelled frames, keeping the weights of the lowest validation loss.

    A training that was stopped or killed goes on from its last checkpoint with `resume`, and ends as it would have
    ended without the stop, on the same machine and software.

    Args:
        config: What to do.
        frames: Everything; split as the configuration says.
        out: Folder of the training.
        resume: Go on with the training in `out`.
        report: Called with steps done, steps in all, and an empty counter.

    Raises:
        RunError: If `out` holds a training already (without `resume`), none or another one (with it), if the device
            is not there, or if the loss is not finite.
        DataError: If a part of the data is empty or holds an unknown element.
    """
    torch.set_num_threads(1)  # small matrices: a second thread only spins
    training = _begin(config, frames, out, resume)
    steps = schedule.batches_per_epoch(len(training.train), config.run.batch) * config.run.epochs
    started, saved = time.monotonic(), time.monotonic()
    before = training.progress.seconds
    stopped = False
    with stop_requested() as stop:
        while training.progress.step < steps and not stopped:
            epoch_ended = training.advance()
            now = time.monotonic()
            training.progress.seconds = before + now - started
            spent = config.run.minutes is not None and now - started > 60 * config.run.minutes
            stopped = stop.is_set() or spent
            if stopped or now - saved > config.run.checkpoint_seconds or training.progress.step == steps:
                training.save(out)
                saved = time.monotonic()
            if epoch_ended:
                accuracy.write_curves(out / "curves.csv", training.progress.history)
            if report is not None:
                report(training.progress.step, steps, Counter())
    done = training.progress
    in_haste = stop.is_set() and done.step < steps
    rows = [] if in_haste else training.finish(out)
    per_epoch = steps // config.run.epochs
    return TrainingResult(out, done.step == steps, done.step // per_epoch, done.best_epoch, done.seconds, tuple(rows))


@dataclass(slots=True)
class Training:
    """A training in memory; `advance` does one step."""

    config: TrainConfig
    parts: Parts
    train: Samples
    validation: Samples
    model: GET
    optimiser: torch.optim.Optimizer
    progress: Progress
    mean: Tensors | None
    best: Tensors
    baseline: dict[int, float]

    def advance(self) -> bool:
        """Do one step, and validate if an epoch that asks for it ends with it; return whether an epoch ended."""
        run, progress = self.config.run, self.progress
        per_epoch = schedule.batches_per_epoch(len(self.train), run.batch)
        epoch, place = divmod(progress.step, per_epoch)
        index = schedule.batches(len(self.train), run.batch, run.seed, epoch)[place]
        rate = schedule.learning_rate(progress.step, per_epoch, run.epochs, self.config.optimiser)
        schedule.set_rate(self.optimiser, rate)
        for name, value in self._step(index).items():
            progress.running[name] = progress.running.get(name, 0.0) + value
        progress.step += 1
        if self.mean is not None:
            now = _weights(self.model)
            self.mean = schedule.moving_mean(self.mean, now, self.config.optimiser.ema, progress.step)
        if progress.step % per_epoch:
            return False
        if (epoch + 1) % run.validate_every == 0 or epoch + 1 == run.epochs:
            self._validate(epoch + 1, rate, per_epoch)
        progress.running = {}
        return True

    def _step(self, index: np.ndarray) -> dict[str, float]:
        graph, labels = self.train.batch(index)
        weights, clip = self.config.loss, self.config.optimiser.clip
        self.optimiser.zero_grad(set_to_none=True)
        answer = self.model.answer(graph, training=True, residual=weights.residual > 0)
        terms = loss_terms(answer, labels, weights)
        loss = torch.stack([term.double() for term in terms.values()]).sum()
        if not torch.isfinite(loss):
            systems = sorted({str(self.train.frames.system[i]) for i in index})
            raise RunError(
                f"step {self.progress.step + 1}: the loss is not finite (frames of {', '.join(systems[:5])}); lower "
                "'optimiser.learning_rate', set 'optimiser.clip' or 'data.largest_force'; the last checkpoint is whole"
            )
        loss.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        self.optimiser.step()
        return {name: float(term.detach()) for name, term in terms.items()} | {"loss": float(loss.detach())}

    def _validate(self, epoch: int, rate: float, per_epoch: int) -> None:
        """Measure the validation part, keep the weights if they are the best so far, and write down a row."""
        progress, kept = self.progress, self.current_weights()
        with _weights_in(self.model, kept):
            said = predict(self.model, self.validation, residual=self.config.loss.residual > 0)
        loss = set_loss(said, self.validation, self.config.loss)
        force_error = said.forces - self.validation.frames.forces
        progress.history.append({
            "epoch": epoch, "step": progress.step, "learning_rate": rate,
            **{f"train_{name}": value / per_epoch for name, value in progress.running.items()},
            "validation_loss": loss,
            "validation_forces_mae_mev": 1e3 * float(np.abs(force_error).mean()),
            "validation_forces_rmse_mev": 1e3 * float(np.sqrt((force_error**2).mean())),
            "seconds": progress.seconds,
        })  # fmt: skip
        if loss < progress.best:
            progress.best, progress.best_epoch = loss, epoch
            self.best = {name: value.clone() for name, value in kept.items()}

    def current_weights(self) -> Tensors:
        """The weights that are validated: the running mean if there is one."""
        return _weights(self.model) if self.mean is None else self.mean

    def save(self, out: Path) -> None:
        weights = {"model": _weights(self.model), "best": self.best}
        if self.mean is not None:
            weights["mean"] = self.mean
        checkpoint.save_checkpoint(out, self.progress, weights, self.optimiser)

    def finish(self, out: Path) -> list[Row]:
        """Write the model with its best weights and the table of errors; return the table."""
        best = self.best if self.progress.best_epoch >= 0 else self.current_weights()
        with _weights_in(self.model, best):
            return write_model(
                self.model, self.parts, self.train, self.validation, self.baseline, self.progress, out,
                seed=self.config.run.seed,
            )  # fmt: skip


def _settings(net: Net, elements: tuple[int, ...]) -> Settings:
    given = {atomic_numbers[symbol]: c6 for symbol, c6 in net.dispersion_c6.items()}
    c6 = {number: value for number, value in {**C6, **given}.items() if number in elements} if net.dispersion else {}
    return Settings(**net.model_dump(exclude={"dispersion_c6"}), dispersion_c6=c6, elements=elements)


def _begin(config: TrainConfig, frames: Frames, out: Path, resume: bool) -> Training:
    data, run = config.data, config.run
    parts = split_parts(
        frames, validation=data.validation, held_out_systems=data.held_out_systems, held_out=data.held_out,
        seed=data.seed, largest_force=data.largest_force,
    )  # fmt: skip
    dtype, device = getattr(torch, run.dtype), known_device(run.device)
    fingerprint = _fingerprint(config, frames)
    baseline = fit_baseline(parts.train)
    settings = _settings(config.network, tuple(sorted(baseline)))
    model = GET(settings, seed=run.seed).to(dtype=dtype, device=device)
    optimiser = schedule.optimiser_of(model.parameters(), config.optimiser)
    progress, mean = Progress(fingerprint=fingerprint), _weights(model) if config.optimiser.ema else None
    best = _weights(model)
    if resume:
        progress, stored = checkpoint.load_checkpoint(out)
        if progress.fingerprint != fingerprint:
            raise RunError(
                f"{out}: was begun with another configuration or other data; resume with those it was begun with, or "
                "begin anew in another folder"
            )
        model.load_state_dict(stored["model"])
        checkpoint.restore_optimiser(optimiser, stored.get("optimiser", {}))
        best = {name: value.to(device) for name, value in stored["best"].items()}
        mean = {name: value.to(device) for name, value in stored["mean"].items()} if mean else None
    elif (out / checkpoint.NAME).exists():
        raise RunError(f"{out}: holds a training already; go on with --resume, or give another --out")
    made = [samples_of(part, settings, baseline, dtype=dtype, device=device) for part in (
        parts.train, parts.validation
    )]  # fmt: skip
    return Training(config, parts, made[0], made[1], model, optimiser, progress, mean, best, baseline)


def known_device(name: str) -> str:
    """Return a torch device's name if it is there.

    Raises:
        RunError: If it is not.
    """
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, ValueError) as err:
        line = (str(err).splitlines() or [type(err).__name__])[0]
        raise RunError(f"'run.device' is {name!r}, which torch cannot use here ({line}); use \"cpu\"") from err
    return name


def _fingerprint(config: TrainConfig, frames: Frames) -> str:
    settings = config.model_dump(mode="json")
    settings["run"] = {name: value for name, value in settings["run"].items() if name not in NO_EFFECT}
    settings["data"].pop("files")
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in (frames.numbers, frames.positions, frames.energy, frames.forces):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _weights(model: GET) -> Tensors:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@contextmanager
def _weights_in(model: GET, weights: Tensors) -> Iterator[None]:
    """Lend a model other weights for a while."""
    own = _weights(model)
    model.load_state_dict(weights)
    try:
        yield
    finally:
        model.load_state_dict(own)
