"""What a form says about a submission, checked field by field, and the submission that is made of it."""

from __future__ import annotations

import hashlib
import json
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from matdisc.cards import ModelCard
from matdisc.cards.read import checked
from matdisc.errors import CardError, MatdiscError, ServiceError
from matdisc.service.guards import check_dataset
from matdisc.service.http.context import Service
from matdisc.service.http.problems import Problem
from matdisc.service.store.submissions import NewSubmission
from matdisc.service.webhooks import check_url
from matdisc.tasks import TASKS, get_task
from matdisc.tasks.fit import misfit

KIB = 1024
FILE = "predictions"
TEXTS = dict.fromkeys(("task", "dataset", "model", "private", "embargo_until", "webhook"), 64 * KIB) | {
    "card": 256 * KIB
}
"""Text fields of a submission, and the most bytes of each."""
YES, NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")
LONGEST_EMBARGO = 5 * 366 * 86400.0
MOST_DOTS = 200


@dataclass(frozen=True, slots=True)
class Place:
    """Where a submission goes."""

    task: str
    dataset: str


def place_of(service: Service, fields: Mapping[str, str]) -> Place:
    """Return task and dataset of a submission.

    Raises:
        Problem: If there are none of these names, or nothing can be submitted to them.
    """
    task, dataset = (_needed(fields, name) for name in ("task", "dataset"))
    if task not in TASKS:
        raise invalid("task", f"is {task[:80]!a}, which does not exist; tasks: {', '.join(TASKS)}")
    card = service.catalogue.dataset(dataset)
    if card is None:
        known = ", ".join(found.key for found in service.catalogue.datasets() if task in found.tasks)
        raise invalid("dataset", f"is {dataset[:80]!a}, which does not exist; those of this task: {known or 'none'}")
    if task not in card.tasks:
        raise invalid("task", f"is {task!r}, which dataset {dataset!r} does not have; it has: {', '.join(card.tasks)}")
    try:
        check_dataset(card, service.settings)
    except ServiceError as err:
        raise invalid("dataset", f"is refused: {err}") from None
    return Place(task, dataset)


def new_submission(service: Service, fields: Mapping[str, str], *, has_file: bool, now: float) -> NewSubmission:
    """Return what a form says; the file, the digest and the key are still missing.

    Args:
        service: The service.
        fields: Texts of the form.
        has_file: Whether predictions came with it.
        now: The time, seconds since 1970.

    Raises:
        Problem: If a field is missing or wrong.
    """
    place = place_of(service, fields)
    for name, text in fields.items():
        if name != "card" and any(unicodedata.category(letter) == "Cc" for letter in text):
            raise invalid(name, "has control characters; remove them")
    wants_model = bool(fields.get("model"))
    if wants_model == has_file:
        raise invalid(FILE, "is missing: send a file, or name an approved model in the field 'model'" if not has_file
                      else "came together with the field 'model'; send one of them")  # fmt: skip
    text, card = _board_card(service, fields) if wants_model else _own_card(fields)
    if why := misfit(get_task(place.task), card):
        raise invalid("model" if wants_model else "card", f"does not fit: {why}")
    return NewSubmission(
        task=place.task,
        dataset=place.dataset,
        kind="model" if wants_model else "predictions",
        model=card.key,
        card=text,
        request_sha256="",
        private=_flag(fields, "private"),
        embargo_until=embargo_of(fields.get("embargo_until"), now),
        webhook=_webhook(service, fields.get("webhook")),
    )


def request_digest(fields: Mapping[str, str], file_sha256: str | None, suffix: str | None) -> str:
    """Return the SHA-256 of all that a request says."""
    said = json.dumps([sorted(fields.items()), file_sha256, suffix], ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()


def embargo_of(text: str | None, now: float, field: str = "embargo_until") -> float | None:
    """Return until when a result stays unpublished, seconds since 1970; None for no embargo.

    Raises:
        Problem: If it is no time, or one in the past or too far ahead.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        time = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise invalid(field, f"is {text[:80]!a}; write a date or time as 2030-12-31T12:00:00Z") from None
    if not now < time < now + LONGEST_EMBARGO:
        raise invalid(field, f"is {text[:80]!a}; it has to lie ahead, and by five years at most")
    return time


def parse_card(text: str) -> ModelCard:
    """Return the card of a model whose predictions are sent.

    Raises:
        Problem: If it is no card, or one of a model that brings code.
    """
    name = Path("card")
    try:
        _refuse_deep(text)
        card = checked(
            name, tomllib.loads(text.removeprefix("\ufeff")), ModelCard, CardError, "docs/reference/cards.md"
        )
    except tomllib.TOMLDecodeError as err:
        raise invalid("card", f"is not valid TOML: {err}; see https://toml.io for the syntax") from None
    except CardError as err:
        raise Problem(422, "Invalid card", str(err), field="card") from None
    except (ValueError, RecursionError) as err:
        raise invalid("card", f"cannot be read ({type(err).__name__}); write it as a model's card") from None
    if card.loader is not None:
        raise invalid(
            "card",
            f"names the loader {card.loader!a}; a submission is data and never code: remove 'loader' and 'options'",
        )
    if card.reference_row:
        raise invalid("card", "says 'reference_row = true', which is for the board's own dummies: remove it")
    return card


def invalid(field: str, why: str) -> Problem:
    """Return the problem of a field."""
    return Problem(422, "Invalid field", f"field {field!r} {why}", field=field)


def _refuse_deep(text: str) -> None:
    """Raise a Problem for a text that takes a parser of TOML long: names of very many parts."""
    if any(line.count(".") > MOST_DOTS for line in text.split("\n") if not line.lstrip().startswith("#")):
        raise invalid("card", f"has a line with more than {MOST_DOTS} dots; break it into several")


def _own_card(fields: Mapping[str, str]) -> tuple[str, ModelCard]:
    text = fields.get("card", "")
    if not text.strip():
        raise invalid("card", "is missing; send the model's card (TOML; docs/reference/cards.md lists its fields)")
    return text, parse_card(text)


def _board_card(service: Service, fields: Mapping[str, str]) -> tuple[str, ModelCard]:
    key, approved = fields["model"], service.settings.models
    if key not in approved:
        raise invalid(
            "model",
            f"is {key[:80]!a}, which this service does not run; it runs: {', '.join(approved) or 'none'}. "
            "Run it yourself and send its predictions, or ask the maintainers",
        )
    if fields.get("card"):
        raise invalid("card", "came together with 'model'; the board's own card is used: leave it out")
    board = service.catalogue.board
    try:
        return (board.models_dir / key / "model.toml").read_text(encoding="utf-8"), board.model(key)
    except (OSError, MatdiscError) as err:
        raise Problem(503, "Not available", f"the card of model {key!r} cannot be read; tell the maintainers") from err


def _webhook(service: Service, url: str | None) -> str | None:
    if not url:
        return None
    if len(url) > 500:
        raise invalid("webhook", "is longer than 500 letters; use a shorter address")
    try:
        check_url(url, service.settings)
    except ServiceError as err:
        raise Problem(422, "Invalid field", str(err), field="webhook") from None
    return url


def _flag(fields: Mapping[str, str], name: str) -> bool:
    text = fields.get(name, "").strip().lower()
    if text not in (*YES, *NO):
        raise invalid(name, f"is {text[:80]!a}; write true or false")
    return text in YES


def _needed(fields: Mapping[str, str], name: str) -> str:
    text = fields.get(name, "")
    if not text:
        raise invalid(name, "is missing; send it")
    return text
