"""What of an evaluation may leave the service, and to whom: the team's view, the public row, the maintainers' notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matdisc.service.blobs import Blobs
from matdisc.service.guards import alike, improves, is_private, quantised, rounded
from matdisc.service.settings import Settings
from matdisc.service.states import State
from matdisc.service.store.database import Store
from matdisc.service.store.results import Evaluated, finished, get_result
from matdisc.service.store.rows import Submission

EVALUATED = (State.SUCCEEDED, State.PUBLISHED, State.WITHDRAWN)


def released(store: Store, settings: Settings, submission: Submission) -> dict[str, Any] | None:
    """Return the result of a submission as its team may see it (schema `matdisc.result/2`); None while there is none.

    Public labels: as `matdisc score` gives it. Private labels: rounded, without counts and parts that give labels
    away; what is held out is shown once the row is published. A result that is no new best of the team by more than
    one standard error shows the best one in its place, and says so.
    """
    own = evaluated(store, submission)
    if own is None or not is_private(settings, submission.dataset):
        return None if own is None else own.content
    best = _on_the_ladder(store, submission, own)
    # what is held out shows for the row that was published itself, not for the one that stands in its place
    found = _abridged(settings, best, held_out=best.key == own.key and submission.published is not None)
    if best.key == own.key:
        return found
    return found | {"flags": [*found["flags"], _no_new_best(best)]}


def evaluated(store: Store, submission: Submission) -> Evaluated | None:
    """Return the unabridged evaluation of a submission; None while there is none."""
    if submission.state not in EVALUATED or submission.result_key is None:
        return None
    return get_result(store, submission.result_key)


def public_row(store: Store, settings: Settings, submission: Submission) -> dict[str, Any] | None:
    """Return the result that a board shows of a submission; None if it may not be shown.

    With private labels, a result that is no new best of its team would tell more than its team may know.
    """
    own = evaluated(store, submission)
    if own is None:
        return None
    notes = copy_notes(store, settings, submission)
    if not is_private(settings, submission.dataset):
        return own.content | {"flags": [*own.content.get("flags", ()), *notes]}
    if _on_the_ladder(store, submission, own).key != own.key:
        return None
    found = _abridged(settings, own, held_out=True)
    return found | {"flags": [*found["flags"], *notes]}


def released_details(store: Store, settings: Settings, blobs: Blobs, submission: Submission) -> bytes | None:
    """Return figures and tables of a submission (JSON, schema `matdisc.details/2`); None for private labels."""
    own = evaluated(store, submission)
    if own is None or own.details_sha256 is None or is_private(settings, submission.dataset):
        return None
    return blobs.read(own.details_sha256)


def released_report(store: Store, settings: Settings, blobs: Blobs, submission: Submission) -> bytes | None:
    """Return the report of a submission, one HTML page; None for private labels."""
    own = evaluated(store, submission)
    if own is None or own.report_sha256 is None or is_private(settings, submission.dataset):
        return None
    return blobs.read(own.report_sha256)


def copy_notes(store: Store, settings: Settings, submission: Submission) -> list[str]:
    """Return in sentences what looks copied from another team, which is not named; for maintainers and the row."""
    own = evaluated(store, submission)
    if own is None:
        return []
    others = finished(store, submission.task, submission.dataset, not_team=submission.team_id)
    earlier = [one for who, one in others if (who.created, who.id) < (submission.created, submission.id)]
    if any(one.predictions_sha256 == own.predictions_sha256 for one in earlier):
        return ["the same predictions file was submitted before by another team"]
    threshold = settings.guards.duplicate_spearman
    comparable = [one for one in earlier if one.labels_sha256 == own.labels_sha256]
    found = [rho for one in comparable if (rho := alike(own.fingerprint, one.fingerprint, threshold)) is not None]
    if not found:
        return []
    return [
        "nearly the same predictions were submitted before by another team "
        f"(rank correlation {max(found):.5f}, above {threshold:g})"
    ]


def _on_the_ladder(store: Store, submission: Submission, own: Evaluated) -> Evaluated:
    """Return the best of the team's results up to this one, by steps of more than one standard error."""
    earlier = [
        (who, one)
        for who, one in finished(store, submission.task, submission.dataset, team_id=submission.team_id)
        if who.id != submission.id and _order(who) < _order(submission) and one.labels_sha256 == own.labels_sha256
    ]
    return _climbed([*(one for _, one in sorted(earlier, key=lambda pair: _order(pair[0]))), own])


def _order(submission: Submission) -> tuple[float, str]:
    return submission.finished or 0.0, submission.id


def _climbed(steps: Sequence[Evaluated]) -> Evaluated:
    best = steps[0]
    for one in steps[1:]:
        headline = _headline(best)
        if improves(_value(one), _value(best), headline["error"] or 0.0, headline["better"]):
            best = one
    return best


def _headline(one: Evaluated) -> Any:
    """Return what the worker noted of the metric that a table is sorted by: its key, label, direction and error."""
    assert one.fingerprint is not None, "noted with every result"
    return one.fingerprint["headline"]


def _value(one: Evaluated) -> float | None:
    value: float | None = one.content["metrics"].get(_headline(one)["metric"], {}).get("value")
    return value


def _abridged(settings: Settings, one: Evaluated, *, held_out: bool) -> dict[str, Any]:
    name = settings.guards.holdout.get(one.dataset)
    found = quantised(one.content, one.fingerprint or {}, settings.guards, secondary=held_out or name is None)
    part = next((part for part in found["secondary"] if part["name"] == name), None)
    if name is None or part is None:
        return found
    return found | {"flags": [*found["flags"], *_gap(found, part, _headline(one), settings.guards.digits)]}


def _gap(found: dict[str, Any], part: dict[str, Any], headline: Any, digits: int) -> list[str]:
    seen, unseen = (metrics.get(headline["metric"], {}).get("value") for metrics in (found["metrics"], part["metrics"]))
    if seen is None or unseen is None:
        return []
    gap = rounded(unseen - seen, digits)
    return [
        f"{headline['label']} is {seen:g} on {found['subset']} and {unseen:g} on {part['name']}, which was held out: "
        f"a gap of {gap:+g} ({headline['better']} is better)"
    ]


def _no_new_best(best: Evaluated) -> str:
    headline = _headline(best)
    return (
        f"no new best of your team: {headline['label']} is not better by more than one standard error than with "
        f"{best.content['entry']!r}, whose numbers are shown here"
    )
