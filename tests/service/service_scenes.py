"""A service with submissions in every state, and texts that try to be HTML."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from matdisc.service.states import State
from matdisc.service.store import accounts, leases, publication, results
from matdisc.service.store import submissions as store_of

ROOT = Path(__file__).parents[2]
HOSTILE = """<img src=x onerror="document.title='owned'">"""
CARD = """\
key = "{key}"
name = "{key}"
version = "1"
kind = "predictor"
summary = "Predictions of an outsider. </textarea></code><script>document.title='owned'</script>"
gives = ["formation energy"]
authors = [{{ name = "Ada Example" }}]
licence = {{ code = "MIT" }}
"""
REPORT = b"<!doctype html><html lang='en'><title>Report</title><h1>The report</h1>"
TABLE = ("discovery", "wbm-sample")


@dataclass(frozen=True)
class Scene:
    """A store with submissions; `ids` by what each is an example of, `secrets` by team, `held` what is leased."""

    store: object
    settings: object
    worker: str
    secrets: dict
    tokens: dict
    ids: dict
    held: object = None

    def lease(self):
        """Take the oldest that waits."""
        return leases.claim(self.store, self.worker, self.settings)

    def submit(self, name, key, team="Lab A", **changes):
        """Submit what is an example of `name`."""
        new = new_submission(key, len(self.ids), **changes)
        made, _ = store_of.create(self.store, self.tokens[team], new, self.settings.quota)
        self.ids[name] = made.id
        return made


def result_of(name="alchembert"):
    """A result of the board, as an evaluation gives it."""
    return json.loads((ROOT / "leaderboard" / "results" / "discovery" / "wbm-sample" / f"{name}.json").read_text())


def new_submission(key, n=0, **changes):
    """A submission of predictions to the sample of WBM."""
    made = store_of.NewSubmission(
        *TABLE, "predictions", key, CARD.format(key=key), f"{n:064d}", file_sha256=f"{n:064x}", file_suffix=".csv.gz",
        file_bytes=1_870_000,
    )  # fmt: skip
    return replace(made, **changes)


def make_scene(store, settings, blobs, report=REPORT):
    """Fill an empty store: Lab A has one submission in each state, Lab B one that nobody else may see."""
    tokens, secrets = {}, {}
    for team, person, role in (
        ("Lab A", "Ada O'Hara", "submitter"),
        ("Lab B", "Bo", "submitter"),
        ("Referees", "Rea (maintainer)", "maintainer"),
    ):
        tokens[team], secrets[team] = accounts.create_token(store, team=team, person=person, role=role)
    worker = leases.register(store, "host", 1)
    scene = Scene(store, settings, worker, secrets, tokens, {})
    submit = scene.submit
    details = blobs.put(b'{"schema": "matdisc.details/2"}')
    page = blobs.put(report)

    def finish(name, key, state, reason=None, evaluated=True, review="none", **changes):
        made = submit(name, key, **changes)
        lease = scene.lease()
        assert lease.submission.id == made.id
        leases.validated(store, lease)
        found = None
        if state == State.SUCCEEDED and evaluated:
            content = result_of() | {"entry": key, "model": key}
            found = results.result_key(key)
            results.put_result(
                store,
                results.Evaluated(found, *TABLE, made.file_sha256, "0" * 64, "1", content, details, page,
                                  {"headline": {"metric": "f1", "label": "F1", "better": "higher", "error": 0.01}}),
            )  # fmt: skip
        leases.finish(store, lease, state, reason, result_key=found, review=review)
        return made

    long = "the file answers 3 of 1,000 materials; " + HOSTILE + " line 7: 'x' is no number; write one"
    submit("rejected", "hostile-net")
    leases.finish(store, scene.lease(), State.REJECTED, long)
    crashed = submit("failed", "unlucky-gp")
    for _ in range(settings.work.crashes):
        store_of.get(store, crashed.id)
        leases.give_back(store, scene.lease(), "lost", "the worker was not heard of any more", settings.work)
    leases.finish(store, scene.lease(), State.FAILED, "parked after 4 attempts that came to no end; it is not counted")
    finish("timed out", "slow-transformer", State.TIMED_OUT, "the evaluation took longer than 900 s")
    finish("succeeded", "meshnet-2.1", State.SUCCEEDED, embargo_until=4_000_000_000.0)
    finish("published", "lattice-former-large-3b-with-a-very-long-name", State.SUCCEEDED)
    publication.set_published(store, scene.ids["published"])
    finish("withdrawn", "second-thoughts", State.SUCCEEDED)
    store_of.withdraw(store, scene.ids["withdrawn"], "test")
    first = finish("other team", "secret-of-b", State.SUCCEEDED, team="Lab B", private=True)
    finish("pending", "copycat-1", State.SUCCEEDED, review="pending", file_sha256=first.file_sha256)
    submit("cancelled", "never-mind")
    store_of.cancel(store, scene.ids["cancelled"], "test")
    submit("running", "graphnet-7")
    lease = scene.lease()
    leases.validated(store, lease)
    leases.progress(store, lease, 340, 1000, "bootstrap " + HOSTILE)
    submit("received", "patient-net")
    submit("received too", "more-patient-net")
    return replace(scene, held=lease)
