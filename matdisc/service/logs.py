"""Logs of the service: one record, one line, to standard error; secrets and forged lines do not get through."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal, TextIO

Style = Literal["text", "json"]
FIELDS = ("request_id", "submission_id", "attempt", "worker", "team", "method", "route", "status", "seconds")
"""What a record may say beside its message, by `extra`."""
LONGEST = 16_000
"""Letters of a message, and of a traceback, that are kept."""
QUIET = ("alembic", "asyncio", "botocore", "fsspec", "multipart", "python_multipart", "s3fs", "sqlalchemy", "urllib3")
HIDDEN = "***"

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(mdt_[A-Za-z0-9]{1,64})_[\w-]+"), rf"\1_{HIDDEN}"),  # the id of a token is no secret
    (
        re.compile(r"(?i)((?:authorization|cookie)(?:['\"]\s{0,4}[:=,]|\s{0,4}[:=])\s{0,4}(?:b?['\"])?)[^'\"\r\n]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer\s{1,4})[\w.~+/=-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(\w{2,20}(?:\+\w{1,20})?://[^\s:/@]{0,100}):[^\s]{1,200}@"), rf"\1:{HIDDEN}@"),
    (
        re.compile(
            r"(?i)((?:password|passwd|pwd|secret|access_key|csrf)\w{0,20}['\"]?\s{0,4}[:=]\s{0,4}['\"]?)[^\s'\",;&]+"
        ),
        rf"\1{HIDDEN}",
    ),
)


def redacted(text: str) -> str:
    """Return a text without tokens, Authorization and Cookie values, and passwords of URLs."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class _Formatter(logging.Formatter):
    """What both styles share: time, message and traceback, with secrets taken out and cut to a length."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def parts(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what a record says, in order; values are clean of secrets but may hold any letter."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self.process,
            "logger": record.name.removesuffix(".error"),  # uvicorn calls its own so, without there being any
            "message": _clean(_message(record)),
        }
        for name in FIELDS:
            if (value := getattr(record, name, None)) is not None:
                said[name] = value if isinstance(value, (bool, int, float)) else _clean(str(value))
        if record.exc_info and record.exc_info[0]:
            said["exception"] = _clean(self.formatException(record.exc_info))
        return said


class JsonFormatter(_Formatter):
    """A JSON object per line; letters beyond ASCII, and all that could end a line, are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self.parts(record))


class TextFormatter(_Formatter):
    """A line for people. Control characters are shown as escapes; lines of a traceback are set in by a bar."""

    def format(self, record: logging.LogRecord) -> str:
        said = self.parts(record)
        trace = said.pop("exception", "")
        head = " ".join(said.pop(name) for name in ("time", "level", "process"))
        name, message = said.pop("logger"), said.pop("message")
        more = "".join(f" {key}={value}" for key, value in said.items())
        lines = [_printable(f"{head} {name}: {message}{more}")]
        return "\n".join(lines + [f"  | {_printable(line)}" for line in trace.splitlines()])


FORMATTERS: dict[str, type[_Formatter]] = {"json": JsonFormatter, "text": TextFormatter}


def configure_logs(process: str, style: Style = "text", stream: TextIO | None = None) -> None:
    """Send all records of this process, those of libraries and uncaught errors too, to one stream in one style.

    Args:
        process: Name in each record: `up`, `api` or `worker`.
        style: `json` for programs, `text` for people.
        stream: Default: standard error.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(FORMATTERS[style](process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], err: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("matdisc.service").critical("stopped by an error that nobody caught", exc_info=(kind, err, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or issubclass(args.exc_type, SystemExit):
        return
    logging.getLogger("matdisc.service").error(
        "a thread ended by an error that nobody caught", exc_info=(args.exc_type, args.exc_value, args.exc_traceback)
    )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as err:  # a record whose arguments do not fit must not be lost, nor end the program
        return f"{record.msg} ({type(err).__name__} in the arguments of this record)"


def _clean(text: str) -> str:
    clean = redacted(text)
    return clean if len(clean) <= LONGEST else f"{clean[:LONGEST]} ... ({len(clean) - LONGEST} more letters)"


def _printable(text: str) -> str:
    """Show what is no printable letter as an escape: new lines, terminal codes, marks that turn the direction."""
    return text if text.isprintable() else "".join(_escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode()
