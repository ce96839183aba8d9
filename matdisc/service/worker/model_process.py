"""The process that runs a model for a submission: `python -m matdisc.service.worker.model_process ORDER`.

It says on standard output, a JSON object per line, how far it is and how it ended, and ends when standard input does,
which its worker holds open.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from matdisc.board import Board
from matdisc.errors import MatdiscError

PROGRESS_SECONDS = 1.0


def main(text: str) -> int:
    """Run a model as `matdisc predict` does; return the exit code.

    Args:
        text: JSON with `board`, `model`, `task`, `dataset`, `out`, `workers`, `address` and `env`.
    """
    order = json.loads(text)
    threading.Thread(target=_end_with_worker, daemon=True).start()
    from matdisc.run import predict

    try:
        run = predict(
            Board(Path(order["board"])), order["model"], order["task"], order["dataset"], out=Path(order["out"]),
            workers=order["workers"], address=order["address"], env=order["env"], progress=_Progress(),
        )  # fmt: skip
    except KeyboardInterrupt:
        return 130
    except MatdiscError as err:
        _say(error=str(err))
        return 2
    _say(out=str(run.out), trouble=run.trouble)
    return 0


class _Progress:
    """Says how far a run is, once a second."""

    def __init__(self) -> None:
        self._said = 0.0

    def __call__(self, done: int, total: int, counts: Counter[str], ahead: str = "", /) -> None:
        if time.monotonic() - self._said > PROGRESS_SECONDS or done == total:
            self._said = time.monotonic()
            _say(done=done, total=total)


def _say(**content: Any) -> None:
    print(json.dumps(content), flush=True)


def _end_with_worker() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
