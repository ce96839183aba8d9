"""Folders in which materials that take hours keep what they have so far, and from which they go on after a crash."""

from __future__ import annotations

import fcntl
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matdisc.cards import ModelCard, model_hash
from matdisc.datasets.fetch import file_hash
from matdisc.datasets.load import canonical_hash
from matdisc.progress import duration
from matdisc.run.engine.limits import MachineTrouble
from matdisc.schema import Sample
from matdisc.tasks.headway import NAME, Headway, read_headway

FOLDER = "materials"
"""Beside a run's record."""
PATIENCE = 60.0
"""Seconds that a worker waits for another one to leave a material's folder: one whose driver was killed ends soon."""
LOOK_SECONDS, LEAST_SECONDS, MOST_SECONDS = 5.0, 60.0, 600.0
"""Time between two looks at folders, and the least and most between two lines about them."""
TELLING = 0.05
"""Share of a material that is worth a line."""


def kept_folder(root: Path, model: ModelCard, sample: Sample, **more: Any) -> Path:
    """Return the folder of a material under `root`. Its name has a hash of all that its work follows from, so that
    nothing of another model, card or seed is ever found there.

    Args:
        root: Of the run.
        model: With the weights that its options name, if they are files.
        sample: All that is asked.
        more: What else makes the answer.
    """
    weights = [file_hash(Path(v)) for v in model.options.values() if isinstance(v, str) and Path(v).is_file()]
    made_of = {"model": model_hash(model), "weights": weights, "id": sample.material_id, "inputs": dict(sample.inputs)}
    name = re.sub(r"[^A-Za-z0-9.-]", "_", sample.material_id)[:60].lstrip(".")
    return root / f"{name}-{canonical_hash(made_of | more)[:16]}"


@contextmanager
def held(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Make a folder and hold it for one process.

    Raises:
        MachineTrouble: If another one does not leave it within `patience` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + patience
    with (folder / ".lock").open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise MachineTrouble(
                        f"{folder}: another process is at work on this material; wait for it or stop it"
                    ) from None
                time.sleep(0.2)
        yield


def set_aside(root: Path) -> None:
    """Move what materials have out of the way, under a name with a number."""
    if root.is_dir():
        number = 1
        while (old := root.with_name(f"{root.name}.{number}.old")).exists():
            number += 1
        root.rename(old)


@contextmanager
def telling_headway(root: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Say now and then how far the materials are that are at work under `root`; at most one line a minute."""
    over = threading.Event()
    thread = threading.Thread(target=_tell, args=(root, say, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell(root: Path, say: Callable[[str], None], over: threading.Event) -> None:
    began, said_at = time.time(), time.monotonic()
    said: dict[str, float] = {}
    noted: set[tuple[str, str]] = set()
    last = False
    while not last:
        last = over.wait(LOOK_SECONDS)
        seen = _seen(root, began)
        for note in [(one.material_id, note) for one in seen for note in one.notes]:
            if note not in noted:
                noted.add(note)
                say(": ".join(note))
        going = [one for one in seen if not one.ended]
        waited = time.monotonic() - said_at
        moved = any(one.done - said.get(one.material_id, -one.total) >= TELLING * one.total for one in going)
        if going and not last and waited >= LEAST_SECONDS and (moved or waited >= MOST_SECONDS):
            said_at, said = time.monotonic(), {one.material_id: one.done for one in going}
            say(", ".join(map(in_words, going)))


def in_words(one: Headway) -> str:
    """Return how far a material is, as in `EC 35 of 1140 ps (about 2.1 h left)`."""
    left = "" if one.left is None else f" (about {duration(one.left)} left)"
    return f"{one.material_id} {one.done:.3g} of {one.total:.4g} {one.unit}{left}"


def _seen(root: Path, since: float) -> list[Headway]:
    found = []
    for path in sorted(root.glob(f"*/{NAME}")):
        try:
            late = path.stat().st_mtime >= since
        except OSError:
            continue
        one = read_headway(path.parent) if late else None
        if one:
            found.append(one)
    return found
