"""The form for a submission; it is read, checked and kept by what the API does it with."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from matdisc.cards import DatasetCard
from matdisc.errors import ServiceError
from matdisc.service.guards import check_dataset, is_private
from matdisc.service.http.context import Service, service_of
from matdisc.service.http.forms import FormReader, Sink
from matdisc.service.http.intake import FILE, TEXTS
from matdisc.service.http.problems import Problem, problem_of
from matdisc.service.http.receive import Intake, batches
from matdisc.service.store.accounts import Token
from matdisc.service.store.rows import Submission
from matdisc.service.store.submissions import KeyReused
from matdisc.service.uploads import SUFFIXES
from matdisc.service.web.forms import KEY, is_own_form, refuse_other_sites
from matdisc.service.web.shell import STALE, Refusal, Shell, see
from matdisc.service.webhooks import webhook_key

EXTRA = {KEY: 1024, "place": 1024, "card_file": TEXTS["card"]}
"""Fields of the page that the API does not have."""
CARD_TWICE = "The card is there twice: empty the text, or choose no file."
CHANGED = "This form was sent before and has been changed since. Send it again to make another submission of it."
ONCE = re.compile(r"[0-9a-f-]{36}")
FIELD = {"task": "place", "dataset": "place", "Idempotency-Key": "", "Content-Type": ""}
"""Fields of the API, and where the page shows what is wrong with them."""
NAMES = {
    "place": "The data set", "card": "The card", "predictions": "The predictions file", "model": "The model",
    "embargo_until": "The embargo date", "webhook": "The webhook", "private": "“Private”",
}  # fmt: skip
STARTER = """\
key = "my-model-1.0"
name = "My Model"
version = "1.0"
kind = "predictor"
summary = "One sentence on what it is."
authors = [{ name = "Ada Example", affiliation = "Example University" }]
licence = { code = "MIT", weights = "MIT" }
gives = ["formation energy"]
training_sets = ["MPtrj"]
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """A data set that can be submitted to, in words."""

    key: str
    title: str
    n: int
    is_private: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A task and the data sets that it can be answered on; `columns` are name, unit and meaning of its answers."""

    key: str
    title: str
    choices: list[Choice]
    columns: list[tuple[str, str, str]]
    is_one_answer: bool


class PageForm(FormReader):
    """The form of the page, turned into the fields of the API while it arrives.

    Args:
        content_type: The request's header.
        opened: Gives the place for the predictions.
        is_ours: Whether a form key is the one of the session.
    """

    def __init__(self, content_type: str, opened: Callable[[str], Sink], is_ours: Callable[[str], bool]) -> None:
        self._is_ours, self._known = is_ours, False

        def open_ours(name: str) -> Sink:
            self.refuse_forgery()
            return opened(name)

        super().__init__(content_type, {**TEXTS, **EXTRA}, FILE, open_ours)

    def refuse_forgery(self) -> None:
        """Raise a Refusal unless the session's form key has come."""
        if not self._known:
            raise STALE

    def _end_part(self) -> None:
        super()._end_part()
        fields = self.fields
        if KEY in fields:
            self._known = self._is_ours(fields.pop(KEY))
            self.refuse_forgery()
        if "place" in fields:
            fields["task"], _, fields["dataset"] = fields.pop("place").partition("/")
        if "card" in fields:
            fields["card"] = fields["card"].replace("\r\n", "\n")  # as it was typed


class PageIntake(Intake):
    """As the API's; `fields` is what was typed, also when something is wrong with it."""

    def __init__(
        self,
        service: Service,
        token: Token,
        key: str,
        stack: ExitStack,
        content_type: str,
        is_ours: Callable[[str], bool],
    ) -> None:
        super().__init__(service, token, key, stack, content_type)
        self._form: PageForm = PageForm(content_type, self._open, is_ours)

    @property
    def fields(self) -> dict[str, str]:
        return self._form.fields

    def finish(self) -> tuple[Submission, bool]:
        self._form.refuse_forgery()
        file = self.fields.pop("card_file", "")
        if file.strip():
            if self.fields.get("card", "").strip():
                raise Problem(422, "Invalid field", CARD_TWICE, field="card")
            self.fields["card"] = file
        return super().finish()


def submit_router(shell: Shell) -> APIRouter:
    """Return the routes of /submit."""
    router = APIRouter(route_class=shell.route_class, include_in_schema=False)

    @router.get("/submit", response_class=HTMLResponse)
    def show(request: Request) -> Response:
        return _page(shell, request, shell.token(request, "submit"))

    @router.post("/submit", response_class=HTMLResponse)
    async def send(request: Request, once: str = "") -> Response:
        refuse_other_sites(request, shell.settings)
        token = await run_in_threadpool(shell.token, request, "submit")
        if not ONCE.fullmatch(once):
            raise STALE
        fields: dict[str, str] = {}
        try:
            made = await _received(shell, request, token, once, fields)
        except (Refusal, OSError):
            raise
        except Exception as err:
            return await run_in_threadpool(_refused, shell, request, token, once, fields, err)
        return see(f"/submissions/{made.id}")

    return router


async def _received(shell: Shell, request: Request, token: Token, once: str, typed: dict[str, str]) -> Submission:
    """Read a form to its end; `typed` has its texts afterwards, also where this raises."""
    service = service_of(request)

    def is_ours(given: str) -> bool:
        return is_own_form(request, shell.settings, given)

    with service.uploads.slot(token.team_id), ExitStack() as stack:
        content_type = request.headers.get("content-type", "")
        intake = await run_in_threadpool(PageIntake, service, token, once, stack, content_type, is_ours)
        try:
            async for data in batches(request):
                await run_in_threadpool(intake.feed, data)
            made, replayed = await run_in_threadpool(intake.finish)
        finally:
            typed.update(intake.fields)
    if not replayed:
        service.metrics.upload_bytes.inc(made.file_bytes)
    return made


def _refused(
    shell: Shell, request: Request, token: Token, once: str, fields: Mapping[str, str], err: Exception
) -> Response:
    problem = problem_of(err)
    if problem.status_code >= 500:
        raise err
    field = FIELD.get(problem.field or "", problem.field or "")
    text = str(problem.detail)
    if isinstance(err, KeyReused):
        once, text = str(uuid4()), CHANGED
    prefix = f"field {problem.field!r} "
    if text.startswith(prefix):
        text = f"{NAMES.get(field, field)} {text.removeprefix(prefix)}"
    text = "\n".join(line.removeprefix("card: ") for line in text.splitlines())
    return _page(shell, request, token, once, {field: text}, fields, problem.status_code)


def _page(
    shell: Shell,
    request: Request,
    token: Token,
    once: str | None = None,
    errors: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    typed = typed or {}
    return shell.page(
        request,
        "submit.html",
        token=token,
        status=status,
        once=once or str(uuid4()),
        groups=groups(service_of(request)),
        chosen=f"{typed.get('task', '')}/{typed.get('dataset', '')}",
        typed=typed,
        errors=errors or {},
        suffixes=SUFFIXES,
        models=shell.settings.models,
        starter=STARTER,
        webhook_key=webhook_key(shell.settings, token.team_id),
        tomorrow=time.time() + 86400,
    )


def groups(service: Service) -> list[Group]:
    """Return what can be submitted to, by task."""
    from matdisc.tasks import TASKS
    from matdisc.tasks.describe import columns

    cards = [card for card in service.catalogue.datasets() if _is_open(service, card)]
    found = []
    for key, task in TASKS.items():
        choices = [
            Choice(f"{key}/{card.key}", card.title, card.n_samples, is_private(service.settings, card.key))
            for card in cards
            if key in card.tasks
        ]
        answers = [(name, unit.strip("–"), help) for name, unit, _, help in columns(task)]
        if choices:
            found.append(Group(key, task.title, choices, answers, task.scoring.one_answer))
    return found


def _is_open(service: Service, card: DatasetCard) -> bool:
    try:
        check_dataset(card, service.settings)
    except ServiceError:
        return False
    return True
