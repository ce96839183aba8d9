"""The durable record of a run: one JSON line per answer, on disk before the run goes on.

The first line says what was asked; lines with `usage` say what workers used. A file cut off in mid-line by a crash
loses that line only. A material that failed may be asked again under wider limits; then its last line counts.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from matdisc.atomic import write_atomic
from matdisc.errors import RunError
from matdisc.formats.crystal_json import from_json, to_json
from matdisc.run.engine.usage import Usage, add_up
from matdisc.schema import Prediction

SCHEMA = "matdisc.records/2"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a material may take: wall-clock seconds, and GiB of its worker's memory; None for no limit."""

    timeout: float | None = None
    memory_gib: float | None = None

    def may_change(self, answer: Prediction, under: Mapping[str, Any] | None) -> bool:
        """Whether a material that ended so under other limits (None: unknown) might end otherwise under these."""
        if answer.status not in FAILURES:
            return False
        if under is None:
            return True
        name = "timeout" if answer.status == "timed_out" else "memory_gib"
        new, old = getattr(self, name), under.get(name)
        return old is not None and (new is None or new > WIDER * old)


FAILURES = ("failed", "timed_out")
LATE_SECONDS = (0.05, 0.2, 0.0)
"""Waits after each reading of a record that does not end with a whole line."""
WIDER = 1.05
"""A limit counts as wider from this factor on; a machine's memory differs a little from start to start."""


class Record:
    """Append-only answers of one run; at most one process may hold it open.

    Attributes:
        done: Answers found on disk or added since, by material id; without those that are to be asked again.
        usages: What each worker process used, likewise; see usage.add_up.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], *, restart: bool = False, limits: Limits | None = None
    ) -> None:
        """Open or create the record at `path`.

        Args:
            path: The file.
            settings: What makes answers comparable.
            restart: Whether to set aside what lies there.
            limits: Under which materials are asked now: those that failed under narrower ones are asked again. None
                to keep every answer.

        Raises:
            RunError: If another process writes it, or it belongs to other settings (and `restart` is off).
        """
        self.path, self.limits = path, limits
        self.done: dict[str, Prediction] = {}
        self.usages: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        try:
            self._lock()
            if restart:
                self._set_aside()
            self._load({"schema": SCHEMA, **settings})
        except BaseException:
            self._file.close()
            raise

    def add(self, predictions: Iterable[Prediction], usages: Iterable[Usage] = ()) -> None:
        """Append answers and wait until they are on disk; a material that has an answer keeps its first.

        Raises:
            RunError: If they cannot be written.
        """
        fresh = [p for p in predictions if p.material_id not in self.done]
        lines = [_line(_as_dict(p, self.limits)) for p in fresh]
        for usage in usages:
            reported = usage.as_dict()
            if reported["machine"] == self.usages.get(usage.worker, {}).get("machine"):  # it stands in an earlier line
                del reported["machine"]
            add_up(self.usages, reported)
            lines.append(_line({"usage": reported}))
        self._append(b"".join(lines), durable=bool(fresh))
        self.done |= {p.material_id: p for p in fresh}

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise RunError(f"{self.path}: another matdisc process is writing this run; wait for it or stop it") from err
        except OSError as err:
            raise RunError(
                f"{self.path}: cannot be locked: {err.strerror}; two processes could spoil it then; use a board on "
                "a file system with locks (flock), or have it mounted with them"
            ) from err

    def _append(self, text: bytes, *, durable: bool = True) -> None:
        try:
            if self._file.write(text) != len(text):  # a disk takes what it has room for
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                os.fsync(self._file.fileno())
        except OSError as err:
            raise RunError(
                f"{self.path}: answers cannot be written: {err.strerror}; what is done is kept, and the same command "
                "goes on from there once that is mended"
            ) from err

    def _set_aside(self) -> None:
        """Move the old record out of the way without losing it, and go on with an empty one."""
        self._file.seek(0)
        old = self._file.read()
        if old:
            number = 1
            while (backup := self.path.with_suffix(f".{number}.old")).exists():
                number += 1
            backup.write_bytes(old)
            self._file.truncate(0)

    def _content(self) -> bytes:
        """Return what is on disk, read again where it ends oddly: a shared file system may know a size before its data.

        What a crash cut off stays so.
        """
        for wait in LATE_SECONDS:
            content = self.path.read_bytes()  # opened anew, whereupon a network file system asks its server
            if content[-1:] in (b"", b"\n") and b"\0" not in content:
                break
            time.sleep(wait)
        return content

    def _load(self, header: Mapping[str, Any]) -> None:
        text = self._content()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):  # the line a crash cut off
            self._file.truncate(whole)
        lines = text[:whole].splitlines()
        if not lines:
            self._append(_line(header))
            return
        found = self._parse(lines[0], 1)
        if found != header:
            different = sorted(k for k in {*found, *header} if found.get(k) != header.get(k))
            key = different[0]
            raise RunError(
                f"{self.path}: this run was started with {key} = {found.get(key)!r}, now it is {header.get(key)!r}; "
                "use --restart to begin anew (the old record is kept beside it)"
            )
        again: set[str] = set()
        for number, line in enumerate(lines[1:], start=2):
            content = self._parse(line, number)
            if "usage" in content:
                add_up(self.usages, content["usage"])
                continue
            under = content.pop("limits", None)
            answer = _prediction(content)
            earlier = self.done.get(answer.material_id)
            if earlier is None or earlier.status in FAILURES:
                self.done[answer.material_id] = answer
                may_change = self.limits is not None and self.limits.may_change(answer, under)
                (again.add if may_change else again.discard)(answer.material_id)
        for material_id in again:
            del self.done[material_id]

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        return parse_line(self.path, line, number)


def parse_line(path: Path, line: bytes, number: int) -> dict[str, Any]:
    """Return the content of one line of a record.

    Raises:
        RunError: If it is damaged.
    """
    try:
        found = json.loads(line)
    except ValueError as err:
        raise RunError(f"{path}, line {number}: damaged ({err}); use --restart to begin anew") from err
    if not isinstance(found, dict):
        raise RunError(f"{path}, line {number}: damaged; use --restart to begin anew")
    return found


def _prediction(content: dict[str, Any]) -> Prediction:
    structure, arrays = content.pop("structure", None), content.pop("arrays", {})
    return Prediction(
        **content,
        structure=None if structure is None else from_json(structure),
        arrays={name: tuple(numbers) for name, numbers in arrays.items()},
    )


def _as_dict(p: Prediction, limits: Limits | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "material_id": p.material_id,
        "values": dict(p.values),
        "status": p.status,
        "error": p.error,
        "seconds": p.seconds,
        "steps": p.steps,
    }
    if p.structure is not None:
        content["structure"] = to_json(p.structure)
    if p.arrays:
        content["arrays"] = {name: list(numbers) for name, numbers in p.arrays.items()}
    if limits is not None and p.status in FAILURES:
        content["limits"] = asdict(limits)
    return content


_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False)


def _line(content: Mapping[str, Any]) -> bytes:
    return _JSON.encode(content).encode() + b"\n"


def write_call(folder: Path, call: Mapping[str, Any]) -> None:
    """Note beside the record with what a run was started, so that it can be listed and gone on with."""
    write_atomic(folder / "call.json", (json.dumps(call, indent=1, sort_keys=True) + "\n").encode())
