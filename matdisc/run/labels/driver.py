"""Labels of many trajectories by Ray tasks, kept as they come, and frozen with their hashes when all are there.

In the folder: `parts/KEY.npz` and `parts/KEY.json` of each trajectory; at the end `frames.npz`, `labels.toml` (hashes,
versions, counts, what was left out and why) and `config.toml`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.errors import DataError, ExtraError, RunError
from matdisc.formats import Notes, read_structures, to_stderr
from matdisc.models import one_thread
from matdisc.models.get.frames import Frames, join, read_frames, write_frames
from matdisc.models.get.labels.config import LabelConfig
from matdisc.models.get.labels.labels import LabelledFrames, Rejection, Work, label_work, works
from matdisc.progress import Progress
from matdisc.run.engine.cluster import ray_cluster
from matdisc.run.engine.pool import TaskPool
from matdisc.run.engine.resumable import worker_count
from matdisc.run.labels.card import labels_card

DEATHS_ALLOWED = 1
DIED = "worker"
"""Kind of what is left out because a worker died; --resume asks for it again."""


@dataclass(frozen=True, slots=True)
class LabelResult:
    """Frozen labels.

    Attributes:
        frames: The frames.
        path, sha256: Of the file that holds them.
        left_out: What has no place among them, by name of the trajectory.
        reused: Trajectories that lay there before.
        seconds: Processor time of all trajectories.
    """

    frames: Frames
    path: Path
    sha256: str
    left_out: dict[str, list[Rejection]]
    reused: int
    seconds: float


def make_labels(
    config: LabelConfig,
    folder: Path,
    out: Path,
    *,
    source: str = "",
    workers: int | None = None,
    address: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] = to_stderr,
) -> LabelResult:
    """Label all that a configuration asks for, and freeze it in `out`.

    Args:
        config: What to label.
        folder: Where relative file names of the configuration start.
        out: Folder of what is made.
        source: Text of the configuration, kept beside the frames.
        workers: Ray tasks at a time, default one for each core; 0 works in this process.
        address: A Ray cluster that runs already.
        resume: Go on with what lies in `out`.
        progress: Called with trajectories done, all of them, and how they ended.
        say: Told once for each file of structures what of it is not read.

    Raises:
        MatdiscError: If a system or structure is impossible, tblite is missing, or `out` holds other labels.
    """
    _need_tblite()
    todo = works(config, config.own(folder), _structures(config, folder, say), say)
    parts = out / "parts"
    if parts.exists() and any(parts.iterdir()) and not resume:
        raise RunError(f"{out} holds labels already; go on with --resume, or name another folder by --out")
    done = {work.key: note for work in todo if (note := _kept(parts, work)) is not None}
    reused = len(done)
    counts = Counter(_ended(note) for note in done.values())
    open_works = sorted((work for work in todo if work.key not in done), key=lambda work: -work.cost)
    if progress:
        progress(len(done), len(todo), counts)
    n_workers = worker_count(workers, address)
    with ray_cluster(n_workers if open_works else 0, address):
        for work, labelled, seconds in _answers(open_works, n_workers):
            done[work.key] = _keep(parts, work, labelled, seconds)
            counts[_ended(done[work.key])] += 1
            if progress:
                progress(len(done), len(todo), counts)
    return _freeze(config, out, source, todo, done, reused)


def _need_tblite() -> None:
    try:
        version("tblite")
    except ModuleNotFoundError:
        raise ExtraError(
            "labels need the package 'tblite', which is not installed; run: pip install 'matdisc[labels]'"
        ) from None


def _structures(config: LabelConfig, folder: Path, say: Callable[[str], None]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name in config.files:
        path = folder / name
        if path.stem in found:
            raise DataError(f"two files are called {path.stem!r}; rename one of them in 'files'")
        if not path.is_file():
            raise DataError(f"{path} does not exist; correct 'files'")
        notes = Notes()
        found[path.stem] = read_structures(path, note=notes)
        notes.tell(str(path), say)
    return found


def _request_hash(work: Work) -> str:
    """Hash of all that a trajectory's labels follow from."""
    settings = work.config.model_dump(exclude={"system", "defaults", "files", "species"})
    request: dict[str, Any] = {
        "key": work.key,
        "settings": settings,
        "system": None if work.system is None else work.system.model_dump(exclude={"trajectories", "held_out"}),
        "own": {name: [one.charge, one.symbols, one.positions.tolist()] for name, one in work.own.items()},
        "structures": [
            [a.numbers.tolist(), a.positions.tolist(), a.cell.tolist(), a.pbc.tolist(), _state(a)]
            for a in work.structures
        ],
        "tblite": version("tblite"),
    }
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _state(atoms: Any) -> list[str]:
    """What a label depends on beside the positions, and what is kept with it."""
    said = [str(atoms.info.get(key)) for key in ("charge", "multiplicity", "system", "trajectory")]
    columns = ("initial_charges", "initial_magmoms", "molecule")
    return [*said, *(str(atoms.arrays[name].tolist()) if name in atoms.arrays else "" for name in columns)]


def _kept(parts: Path, work: Work) -> dict[str, Any] | None:
    """What was noted of a trajectory that lies in the folder; None if it does not, or not whole, or its worker died."""
    path = parts / f"{work.key}.json"
    try:
        note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if note.get("asked") != _request_hash(work):
        raise RunError(f"{path}: made with another configuration or tblite version; name another folder by --out")
    if any(one["kind"] == DIED for one in note["left_out"]):
        return None
    frames = path.with_suffix(".npz")
    if note["frames"] and (not frames.exists() or hashlib.sha256(frames.read_bytes()).hexdigest() != note["sha256"]):
        return None
    return note


def _keep(parts: Path, work: Work, labelled: LabelledFrames, seconds: float) -> dict[str, Any]:
    frames = labelled.frames
    digest = write_frames(parts / f"{work.key}.npz", frames) if frames is not None else ""
    note = {
        "asked": _request_hash(work),
        "frames": 0 if frames is None else len(frames),
        "sha256": digest,
        "seconds": round(seconds, 3),
        "left_out": [asdict(one) for one in labelled.left_out],
    }
    write_atomic(parts / f"{work.key}.json", (json.dumps(note, ensure_ascii=False, indent=1) + "\n").encode())
    return note


def _ended(note: dict[str, Any]) -> str:
    return "ok" if not note["left_out"] else "with structures left out" if note["frames"] else "without frames"


def _timed(work: Work) -> Iterator[tuple[LabelledFrames, float]]:
    """Yield once what comes of one piece of work with one thread, and its processor seconds."""
    one_thread()
    started = time.process_time()
    labelled = label_work(work)
    yield labelled, time.process_time() - started


def _answers(open_works: Sequence[Work], n_workers: int | None) -> Iterator[tuple[Work, LabelledFrames, float]]:
    if n_workers == 0:
        for work in open_works:
            for labelled, seconds in _timed(work):
                yield work, labelled, seconds
    elif open_works:
        yield from _ray_answers(open_works, n_workers)


def _ray_answers(open_works: Sequence[Work], n_workers: int | None) -> Iterator[tuple[Work, LabelledFrames, float]]:
    waiting, deaths = deque(open_works), Counter[str]()
    pool: TaskPool[Work, tuple[LabelledFrames, float]] = TaskPool(
        _timed, lambda work: (work,), n_workers, what="labelling"
    )
    for arrival in chain.from_iterable(pool.arrivals(lambda: waiting.popleft() if waiting else None)):
        work = arrival.item
        if arrival.error:
            raise arrival.error
        if arrival.result:
            yield work, *arrival.result
        elif arrival.death:
            deaths[work.key] += 1
            if deaths[work.key] <= DEATHS_ALLOWED:
                waiting.append(work)
            else:
                why = f"its worker died ({type(arrival.death).__name__}); often out of memory"
                yield work, LabelledFrames(None, [Rejection(DIED, 0, why)]), 0.0


def _freeze(
    config: LabelConfig, out: Path, source: str, todo: Sequence[Work], done: dict[str, dict[str, Any]], reused: int
) -> LabelResult:
    read = [read_frames(out / "parts" / f"{work.key}.npz") for work in todo if done[work.key]["frames"]]
    if not read:
        first = next((one for note in done.values() for one in note["left_out"]), {"why": "nothing was made"})
        raise DataError(f"{out}: no structure has a label; the first reason: {first['why']}")
    frames = join(read)
    path = out / "frames.npz"
    digest = write_frames(path, frames)
    left = {key: [Rejection(**one) for one in note["left_out"]] for key, note in done.items() if note["left_out"]}
    seconds = sum(note["seconds"] for note in done.values())
    if source:
        write_atomic(out / "config.toml", source.encode())
    text = labels_card(config, frames, digest, source, left, seconds, [work.key for work in todo])
    write_atomic(out / "labels.toml", text.encode())
    return LabelResult(frames, path, digest, left, reused, seconds)
