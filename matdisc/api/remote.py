"""Submitting to a service from Python, and getting back what scoring here would give."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

from pydantic import ValidationError

from matdisc.api.evaluation import Evaluation
from matdisc.api.frames import written
from matdisc.api.save import write_table
from matdisc.api.workplace import fresh_folder, python_words
from matdisc.cards import ModelCard, read_card
from matdisc.cards.read import checked
from matdisc.client.answers import Refusal
from matdisc.client.follow import follow
from matdisc.client.service import Service, service
from matdisc.client.status import Status
from matdisc.datasets.new.toml import toml
from matdisc.errors import CardError, ServiceError, SubmissionError
from matdisc.leaderboard.schema.result import Result
from matdisc.predictions.frames import SUFFIXES as STRUCTURES
from matdisc.progress import news
from matdisc.scoring.figures import Artifacts
from matdisc.tasks import get_task

CardLike = ModelCard | Mapping[str, Any] | str | os.PathLike[str]


class Submission:
    """Predictions at a service. `id`, `state` and `reason` are as of the last look."""

    def __init__(self, at: Service, status: Status, say: Callable[[str], None]) -> None:
        self._service, self._status, self._say = at, status, say

    @property
    def id(self) -> str:
        return self._status.id

    @property
    def state(self) -> str:
        """`received`, `validating`, `queued`, `running`; at last `succeeded` or `published`, or one without a result:
        `rejected`, `failed`, `cancelled`, `timed_out`, `withdrawn`."""
        return self._status.state

    @property
    def reason(self) -> str:
        """Why it has no result, in words."""
        return self._status.reason

    @property
    def content(self) -> Mapping[str, Any]:
        """All that the service says of it."""
        return self._status.content

    def refresh(self) -> Submission:
        """Look at it again, and return it."""
        return self._now(self._service.status(self.id))

    def wait(self, timeout: float | None = None) -> Submission:
        """Return it when it is decided.

        Args:
            timeout: Seconds to wait at most; default: as long as it takes.

        Raises:
            ServiceError: If that takes longer, or the service is away for too long; the submission itself goes on.
        """
        said = ""
        for status in follow(self._service, self.id, timeout):
            self._now(status)
            if status.state != said:
                said = status.state
                self._say(f"{self.id}: {status.line}")
        return self

    def result(self) -> Evaluation:
        """Return its result, as `matdisc.score` returns one, but for what needs the labels, which stay at the service.

        Raises:
            SubmissionError: If the predictions cannot be scored as they are.
            ServiceError: If there is no result for another reason.
        """
        status = self._status if self._status.final else self.refresh()._status
        if status.state == "rejected":
            raise SubmissionError(status.reason or f"submission {self.id} was rejected")
        if not status.evaluated:
            more = "" if status.final else "; .wait() waits until it is decided"
            raise ServiceError(f"submission {self.id} has no result: {status.line}{more}")
        content = fetch_result(self._service, self.id)
        return Evaluation(content, None, None, fetch=partial(_fetch_artifacts, self._service, self.id))

    def cancel(self) -> Submission:
        """Cancel it while it has no result; what is running ends soon after."""
        return self._now(self._service.cancel(self.id))

    def withdraw(self) -> Submission:
        """Take its result back, from the service's board too."""
        return self._now(self._service.withdraw(self.id))

    def __repr__(self) -> str:
        return f"<Submission {self.id} at {self._service.address}: {self._status.line}>"

    def _now(self, status: Status) -> Submission:
        self._status = status
        return self


@overload
def submit(
    predictions: Any, task: str, dataset: Any, *, to: str, card: CardLike | None = ..., model: str | None = ...,
    wait: Literal[True] = ..., private: bool = ..., embargo: str | date | None = ..., webhook: str | None = ...,
    timeout: float | None = ..., progress: bool = ...,
) -> Evaluation: ...  # fmt: skip
@overload
def submit(
    predictions: Any, task: str, dataset: Any, *, to: str, card: CardLike | None = ..., model: str | None = ...,
    wait: Literal[False], private: bool = ..., embargo: str | date | None = ..., webhook: str | None = ...,
    timeout: float | None = ..., progress: bool = ...,
) -> Submission: ...  # fmt: skip
def submit(
    predictions: Any,
    task: str,
    dataset: Any,
    *,
    to: str,
    card: CardLike | None = None,
    model: str | None = None,
    wait: bool = True,
    private: bool = False,
    embargo: str | date | None = None,
    webhook: str | None = None,
    timeout: float | None = None,
    progress: bool = True,
) -> Evaluation | Submission:
    """Submit predictions to a service and return the result: every metric with its interval, as `matdisc.score` does.

    The token comes from MATDISC_TOKEN, or the file that MATDISC_TOKEN_FILE names; on a terminal it is asked for.

    Args:
        predictions: As for `score`; None with `model`.
        task: What they answer.
        dataset: Key of a data set of the service, or what `load_dataset` returned.
        to: Address of the service.
        card: Of the model: a `model.toml`, a ModelCard, or a dict of its fields.
        model: Key of an approved model that the service runs itself, in place of predictions and card.
        wait: Whether to wait for the result; else a `Submission` is returned at once.
        private: Whether the result is never published.
        embargo: Date, or time as ISO 8601, before which it is not published.
        webhook: Address that is told when it is decided.
        timeout: Seconds to wait at most.
        progress: Whether to say on standard error what goes on.

    Raises:
        SubmissionError: If the predictions cannot be scored as they are.
        CardError: If the card is none.
        ServiceError: If the service cannot be reached, refuses them, or fails.
    """
    say = news if progress else _silent
    with python_words():
        key = getattr(dataset, "key", dataset)
        fields, file = request_of(
            predictions, task, key, card=card, model=model, private=private, embargo=embargo, webhook=webhook
        )
        at = service(to, say=say)
        sent = Submission(at, at.submit(fields, file), say)
        return sent.wait(timeout).result() if wait else sent


def submissions(
    to: str, *, state: str | None = None, task: str | None = None, dataset: str | None = None, limit: int = 50
) -> list[Submission]:
    """Return your team's submissions at a service, newest first.

    Args:
        to: Address of the service.
        state, task, dataset: Only those.
        limit: How many at most.

    Raises:
        ServiceError: If the service cannot be reached, or refuses.
    """
    with python_words():
        at = service(to, say=news)
        return [Submission(at, one, news) for one in at.submissions(limit, state=state, task=task, dataset=dataset)]


def request_of(
    predictions: Any,
    task: str,
    dataset: str,
    *,
    card: CardLike | None,
    model: str | None,
    private: bool,
    embargo: str | date | None,
    webhook: str | None,
) -> tuple[dict[str, str], Path | None]:
    """Return the fields and the file of a submission, as the service takes them; see `submit`.

    Raises:
        CardError: If the card is none.
        SubmissionError: If the predictions are none, or it is neither a file with its card nor a model of the service.
    """
    if model is None and predictions is None:
        raise SubmissionError("there are no predictions; give them, or --model with one that the service runs itself")
    if model is None and card is None:
        raise SubmissionError("predictions need the card of their model; give --card (docs/reference/cards.md)")
    if model is not None and not (predictions is None and card is None):
        raise SubmissionError(f"the service runs {model!r} itself, by its own card; leave predictions and card out")
    said = {
        "task": task,
        "dataset": dataset,
        "card": None if card is None else card_text(card),
        "model": model,
        "private": "true" if private else None,
        "embargo_until": embargo.isoformat() if isinstance(embargo, date) else embargo,
        "webhook": webhook,
    }
    fields = {name: text for name, text in said.items() if text is not None}
    return fields, None if predictions is None else predictions_file(predictions, task)


def card_text(card: CardLike) -> str:
    """Return a card as TOML.

    Raises:
        CardError: If it is none; every broken field is named.
    """
    if isinstance(card, str | os.PathLike):
        read_card(Path(card), ModelCard, any_folder=True)
        return Path(card).read_text(encoding="utf-8-sig")
    if not isinstance(card, ModelCard):
        card = checked(Path("card"), dict(card), ModelCard, CardError, "docs/reference/cards.md")
    return toml(card.model_dump(mode="json", exclude_defaults=True))


def predictions_file(given: Any, task: str) -> Path:
    """Return predictions of any kind as a file that a service takes; structures become the table that says the same.

    Raises:
        SubmissionError: If there is no such file, or they are no predictions.
    """
    if isinstance(given, str | os.PathLike):
        path, said = Path(given), str(given)
    else:
        path, said = written(given, get_task(task), fresh_folder())
    if not path.is_file():
        raise SubmissionError(f"{path}: there is no such file; look at its name")
    if not path.name.lower().endswith(STRUCTURES):
        return path
    try:
        table = fresh_folder() / "predictions.csv.gz"
        write_table(table, get_task(task).scoring.read(path), get_task(task))
    except SubmissionError as err:
        raise SubmissionError(str(err).replace(str(path), said)) from None
    return table


def fetch_result(at: Service, submission: str) -> dict[str, Any]:
    """Return the result of a submission, checked against its schema; what a later version adds is left out.

    Raises:
        ServiceError: If there is none, or it is none of this version.
    """
    try:
        return Result.model_validate(at.result(submission)).to_json()
    except ValidationError as err:
        raise _unreadable("result", submission, err) from err


def _fetch_artifacts(at: Service, submission: str) -> Artifacts:
    """Return figures and tables of a submission, where the service gives them away."""
    try:
        return Artifacts.model_validate(at.details(submission))
    except ValidationError as err:
        raise _unreadable("details", submission, err) from err
    except Refusal as err:
        if err.status != 404:
            raise
        raise ServiceError(
            f"the service keeps figures and tables of {submission}, as it does where labels are private"
        ) from err


def _unreadable(what: str, submission: str, err: ValidationError) -> ServiceError:
    where = ".".join(map(str, err.errors()[0]["loc"]))
    return ServiceError(f"the {what} of {submission} cannot be read here (field {where!r}); update matdisc")


def _silent(line: str) -> None:
    return None
