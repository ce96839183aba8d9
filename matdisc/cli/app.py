"""The `matdisc` command and how it ends: 0 done, 1 found problems, 2 an error of the user's, 3 a budget is spent, 130
stopped."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Annotated, Any, TextIO

import typer

import matdisc
from matdisc.cli import (
    alloys,
    bench,
    cards,
    cite,
    cluster,
    compare,
    electrolytes,
    elicit,
    env,
    export,
    files,
    history,
    importing,
    labels,
    md,
    merge,
    mix,
    prefetch,
    report,
    reproduce,
    resolution,
    runs,
    service,
    site,
    submissions,
    tasks,
    token,
    train,
)
from matdisc.cli.common import MACHINE, os_trouble
from matdisc.errors import MatdiscError
from matdisc.tasks import TASKS

app = typer.Typer(
    name="matdisc",
    help="The referee for models that promise to find new stable materials.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: matdisc init my-board && cd my-board && matdisc evaluate emt && matdisc site serve",
)
app.add_typer(cards.models, name="models", help="The models on a board.")
app.add_typer(tasks.tasks, name="tasks", help="What can be asked of models: list, show.")
app.add_typer(cards.datasets, name="datasets", help="The datasets on a board: list, fetch, verify.")
app.command()(cards.init)
app.command()(runs.predict)
app.command()(runs.evaluate)
app.command()(merge.merge)
app.command()(prefetch.prefetch)
app.command()(mix.mix)
app.command()(md.md)
app.command()(labels.labels)
app.add_typer(train.app, name="train", help="Train a family; the equivariant force field, an ensemble, densities.")
app.add_typer(history.runs, name="runs", help="The runs on a board: list, show, go on with.")
app.add_typer(cluster.cluster, name="cluster", help="Scripts for Slurm, Kubernetes and several nodes here.")
app.add_typer(env.env, name="env", help="Isolated environments in the cache: list, clear.")
app.command()(files.check)
app.command()(files.score)
app.command(name="compare")(compare.compare)
app.command()(resolution.rank)
app.command()(report.report)
app.command()(cite.cite)
app.command()(reproduce.reproduce)
app.command()(files.submit)
app.command()(files.accept)
app.command()(files.rescore)
app.command()(elicit.elicit)
app.add_typer(alloys.alloys, name="alloys", help="What evidence models know of alloys.")
app.add_typer(electrolytes.app, name="electrolytes", help="Properties of liquids from finished runs.")
app.add_typer(importing.app, name="import", help="Rows that others have published, onto a page of their own.")
app.add_typer(export.app, name="export", help="For other catalogues: Croissant, Hugging Face Hub, JSON Schema.")
app.add_typer(bench.bench, name="bench", help="Whether anything has become slower: compare two reports of make bench.")
app.add_typer(site.site, name="site", help="The static leaderboard.")
app.command()(service.up)
app.command()(service.api)
app.command()(service.worker)
app.command()(service.backup)
app.add_typer(token.token, name="token", help="Tokens of a submission service: create, list, revoke.")
app.add_typer(submissions.submissions, name="submissions", help="Your submissions to a service: list, show, cancel.")


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """The referee for models that promise to find new stable materials."""
    if show:
        typer.echo(f"matdisc {matdisc.__version__} ({Path(__file__).parent.parent})")
        raise typer.Exit


GOES_ON = "what is done is kept, and the same command goes on from there"
KEPT = {
    **dict.fromkeys(
        ("predict", "evaluate", "mix", "md", "elicit", "runs resume", "reproduce", "datasets pull"), GOES_ON
    ),
    **dict.fromkeys(("train get", "labels"), f"{GOES_ON} with --resume"),
    **dict.fromkeys(("train distill", "train align"), ""),
    "train": GOES_ON,
    **dict.fromkeys(("site build", "site serve"), "a site that was built before is as it was"),
}
"""What a command that ends early leaves behind."""
LETTERS = "matdisc.letters"
SUBSTITUTES = {
    "–": "-", "—": "-", "−": "-", "·": "*", "×": "x", "±": "+-", "≤": "<=", "≥": ">=", "≈": "~", "→": "->", "²": "^2",
    "³": "^3", "√": "sqrt", "σ": "sigma", "η": "eta", "ρ": "rho", "τ": "tau", "°": "deg", "▲": "^", "▼": "v",
    "‘": "'", "’": "'", "“": "'", "”": "'", **dict.fromkeys("─━═╴╶╸╺", "-"), **dict.fromkeys("│┃║╵╷", "|"),
}  # fmt: skip
"""What stands for a letter in an encoding that lacks it; others lose their marks, and the rest is a question mark."""


def main() -> None:
    """Run the command line; errors that a user can act on are printed without a traceback.

    Those of the operating system are among them, unless they are bugs of ours (common.os_trouble). Output never breaks
    the work: see steady_output.
    """
    with steady_output() as lost:
        code = _run()
        for problem in TASKS.problems:
            print(f"note: {problem}", file=sys.stderr)
        sys.stdout.flush()
        if lost and not code:
            trouble = f"error: standard output: {lost[0].strerror}"
            code = _said(trouble, "the work is done, what it printed is lost; send it to another place", code=2)
    sys.exit(code)


def _run() -> Any:
    """Run the command and return its exit code."""
    kept = next((said for command, said in KEPT.items() if sys.argv[1:][: len(command.split())] == command.split()), "")
    try:
        app()
    except MatdiscError as err:
        return _said(f"error: {err}", code=2)
    except OSError as err:
        trouble = os_trouble(err)
        if trouble is None:
            raise
        return _said(f"error: {trouble}", kept if err.errno in MACHINE else "", code=2)
    except (KeyboardInterrupt, SystemExit) as err:
        if isinstance(err, SystemExit) and err.code != 130:  # typer turns a KeyboardInterrupt into that code
            return err.code
        return _said("\nstopped", kept, code=130)


def _said(*parts: str, code: int) -> int:
    print("; ".join(part for part in parts if part), file=sys.stderr)
    return code


@contextmanager
def steady_output() -> Iterator[list[OSError]]:
    """Let nothing that is printed end the work; yield the errors by which standard output was lost.

    A stream that is closed, or that nobody reads any more, takes everything and is no error. Letters that its encoding
    lacks are substituted.
    """
    for number in range(3):  # the next file to be opened would take the place of one that is closed
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    lost: list[OSError] = []
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _steady(1, sys.stdout, lost), _steady(2, sys.stderr, [])
    try:
        yield lost
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _steady(number: int, stream: TextIO | None, lost: list[OSError]) -> TextIO:
    if stream is not None and not (type(stream) is io.TextIOWrapper and stream.fileno() == number):
        return stream  # a caller's own
    encoding = "utf-8" if stream is None else stream.encoding
    at_once = stream is None or stream.line_buffering or stream.write_through
    kind = _Ascii if codecs.lookup(encoding).name == "ascii" else io.TextIOWrapper
    return kind(
        io.BufferedWriter(_Lasting(number, lost)), "utf-8" if kind is _Ascii else encoding, LETTERS,
        line_buffering=at_once,
    )  # fmt: skip


class _Lasting(io.FileIO):
    """An open file that takes everything; what it cannot write is lost, and the reason kept."""

    def __init__(self, number: int, lost: list[OSError]) -> None:
        super().__init__(number, "wb", closefd=False)
        self._lost, self._gone = lost, False

    def write(self, data: Any) -> int:
        try:
            while not self._gone:
                written = super().write(data)
                if written is not None:
                    return written
                select([], [self], [])  # a terminal or pipe that does not block
        except OSError as err:
            self._gone = True
            self._lost += [err] * (err.errno != errno.EPIPE)
        return memoryview(data).nbytes


class _Ascii(io.TextIOWrapper):
    """Text in ASCII. It calls itself UTF-8: into a stream that says ASCII, typer writes UTF-8 past us."""

    def write(self, text: str) -> int:
        super().write(text.encode("ascii", LETTERS).decode("ascii"))
        return len(text)


def _substitute(err: UnicodeError) -> tuple[str, int]:
    if not isinstance(err, UnicodeEncodeError):
        raise err
    letters = err.object[err.start : err.end]
    plain = (unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode() or "?" for c in letters)
    return "".join(SUBSTITUTES.get(c, p) for c, p in zip(letters, plain, strict=True)), err.end


codecs.register_error(LETTERS, _substitute)
