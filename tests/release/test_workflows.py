""".github/workflows: pinned actions, least permissions, and nothing of a stranger's beside what may be written."""

import re
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
FILES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yml"))}
JOBS = {f"{name}/{job}": found for name, text in FILES.items() for job, found in yaml.safe_load(text)["jobs"].items()}
STEPS = [(job, step) for job, found in JOBS.items() for step in found["steps"]]
READS = {"contents": "read"}
WRITES = {
    "pages/build": {"contents": "read", "pages": "read"},
    "pages/publish": {"pages": "write", "id-token": "write"},
    "release/install": {},
    "release/attest": {"id-token": "write", "attestations": "write"},
    "release/pypi": {"id-token": "write"},
    "release/github": {"contents": "write"},
    "release/container": {"contents": "read", "packages": "write", "id-token": "write", "attestations": "write"},
}
"""What a job may beyond reading the repository; a new one is added by hand."""


def test_the_workflows_are_those_that_contributing_and_docs_name():
    assert set(FILES) == {"audit", "ci", "pages", "release", "submission", "weekly"}


@pytest.mark.parametrize("name", FILES)
def test_every_action_is_pinned_by_a_full_hash_and_says_its_version(name):
    used = re.findall(r"uses: (.*)", FILES[name])
    assert used
    assert [line for line in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_one_action_has_one_hash_everywhere():
    pins = {line for text in FILES.values() for line in re.findall(r"uses: (.*)", text)}
    assert len(pins) == len({pin.partition("@")[0] for pin in pins})


@pytest.mark.parametrize("name", FILES)
def test_a_workflow_may_nothing_that_its_jobs_do_not_ask_for(name):
    assert yaml.safe_load(FILES[name])["permissions"] == {}
    assert "concurrency" in yaml.safe_load(FILES[name])


@pytest.mark.parametrize("job", JOBS)
def test_a_job_has_least_permissions_and_an_end(job):
    assert JOBS[job]["permissions"] == WRITES.get(job, READS)
    assert JOBS[job]["timeout-minutes"] <= 60


def test_no_checkout_leaves_a_token_on_the_disk():
    checkouts = [step for _, step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) >= len(FILES)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_what_others_can_set_is_never_part_of_a_command():
    commands = [(job, step["run"]) for job, step in STEPS if "run" in step]
    assert [(job, run) for job, run in commands if re.search(r"\$\{\{(?!\s*matrix\.)", run)] == []


def test_there_is_no_secret_to_steal():
    assert [name for name, text in FILES.items() if re.search(r"\$\{\{[^}]*secrets", text)] == []


def test_a_step_runs_beside_a_write_token_only_on_a_tag_or_on_main():
    writers = [job for job, may in WRITES.items() if "write" in may.values()]
    assert [job for job in writers if job != "pages/publish" and JOBS[job]["if"] != "github.ref_type == 'tag'"] == []
    assert "pull_request" not in FILES["pages"]


def test_only_submissions_run_with_the_base_branch_on_a_pull_request():
    assert [name for name, text in FILES.items() if "pull_request_target" in text] == ["submission"]


def test_a_submission_is_read_after_the_code_that_reads_it_is_installed():
    base, python, install, proposed, accept = JOBS["submission/score"]["steps"]
    assert base["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert "path" not in base["with"]
    assert set(python["with"]) == {"python-version"}, "a cache could hold what another pull request put there"
    assert install["run"] == "python -m pip install --quiet --constraint constraints.txt ."
    assert proposed["with"]["ref"] == "${{ github.event.pull_request.head.sha }}"
    assert proposed["with"]["path"] == "proposed"
    assert not {"submodules", "lfs"} & set(proposed["with"])
    assert accept["run"] == "matdisc accept proposed --board ."
    assert not [step for step in JOBS["submission/score"]["steps"] if "env" in step]
