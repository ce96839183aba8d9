"""What `matdisc cluster` prints: scripts that a shell reads and manifests with the fields that KubeRay knows."""

import shutil
import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from matdisc.cli.app import app
from matdisc.errors import RunError
from matdisc.run.cluster_files.scripts import seconds_of

PREDICT = ("predict", "emt", "discovery", "-d", "emt-alloys")
SCRIPTS = {
    "one node": ("slurm", "--cpus", "8", "--gpus", "1", "--image", "matdisc.sif"),
    "whole nodes": ("slurm", "--nodes", "4", "--time", "12:00:00", "--partition", "long", "--account", "alloys"),
    "shared nodes": ("slurm", "--nodes", "3", "--cpus", "8", "--shared-nodes"),
    "parts": ("slurm", "--array", "20"),
    "this machine": ("local", "--nodes", "3"),
}


def printed(*arguments, command=PREDICT):
    done = CliRunner().invoke(app, ["cluster", *arguments, "--", *command])
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(*arguments, command=PREDICT):
    done = CliRunner().invoke(app, ["cluster", *arguments, "--", *command])
    assert done.exit_code, done.output
    return " ".join(done.output.split()) + str(done.exception)


@pytest.mark.parametrize("options", SCRIPTS.values(), ids=SCRIPTS)
def test_a_shell_reads_each_script_without_a_fault(options, tmp_path):
    path = tmp_path / "script.sh"
    path.write_text(printed(*options))
    assert path.read_text().startswith("#!/bin/bash\n")
    subprocess.run(["bash", "-n", path], check=True)
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", "--severity=warning", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_whole_nodes_are_joined_by_symmetric_run_with_options_that_ray_has():
    from ray.scripts.scripts import start
    from ray.scripts.symmetric_run import symmetric_run

    text = printed(*SCRIPTS["whole nodes"])
    call = text.partition("ray symmetric-run ")[2].partition("-- sh")[0]
    given = {word for word in call.replace("\\\n", " ").split() if word.startswith("--")}
    known = {option for command in (start, symmetric_run) for one in command.params for option in one.opts}
    assert {"--address", "--min-nodes", "--temp-dir"} <= given <= known
    assert "--min-nodes 4" in call
    assert "export RAY_ADDRESS=$HEAD_ADDRESS" in text  # or it would look in the usual folder, and wait in vain
    assert not given & {"--head", "--port", "--block", "--node-ip-address", "--include-dashboard"}


def test_a_job_is_stopped_five_minutes_before_its_limit_and_begun_again():
    lines = printed(*SCRIPTS["whole nodes"]).splitlines()
    wanted = (
        "--signal=B:TERM@300",
        "--requeue",
        "--time=12:00:00",
        "--exclusive",
        "--partition=long",
        "--account=alloys",
    )
    assert {f"#SBATCH {option}" for option in wanted} <= set(lines)
    assert "#SBATCH --signal=B:TERM@60" in printed("slurm", "--time", "10").splitlines()


def test_shared_nodes_have_ports_of_the_systems_choice_and_are_never_cleared_by_ray_stop():
    text = printed(*SCRIPTS["shared nodes"])
    assert "--port 0" in text
    assert "--min-worker-port 0 --max-worker-port 0 --dashboard-agent-listen-port 0" in text
    assert "#SBATCH --exclusive" not in text
    assert not [line for line in text.splitlines() if line.strip().startswith("ray stop")]
    assert "--cpus 8" in refused("slurm", "--nodes", "3", "--shared-nodes")


def test_parts_are_asked_by_number_and_joined_once_all_are_done():
    text = printed(*SCRIPTS["parts"], command=[*PREDICT, "--protocol", "relax", "--board", "my board"])
    assert "#SBATCH --array=1-20\n" in text
    assert '--shard "$SLURM_ARRAY_TASK_ID/20"' in text
    assert '--dependency="afterok:$parts"' in text
    assert (
        "matdisc merge --task discovery --dataset emt-alloys --model emt --protocol relax --board 'my board'\n" in text
    )


def test_a_job_of_one_node_asks_as_many_workers_as_it_has_cores():
    assert "emt-alloys --workers 8 &\n" in printed("slurm", "--cpus", "8")
    assert "emt-alloys -w 0 &\n" in printed("slurm", "--cpus", "8", command=[*PREDICT, "-w", "0"])


@pytest.mark.parametrize(
    ("options", "command", "said"),
    [
        (("slurm",), ("predict", "emt", "discovery", "--limits", "3"), "--limits"),
        (("slurm",), (*PREDICT, "--address", "auto"), "leave --address out"),
        (("slurm", "--array", "4"), (*PREDICT, "--shard", "1/2"), "leave --shard out"),
        (("slurm", "--array", "4"), ("evaluate", "emt"), "divides `predict`"),
        (("slurm", "--array", "4", "--nodes", "2"), PREDICT, "do not know of each other"),
        (("slurm", "--time", "soon"), PREDICT, "2-00:00:00"),
    ],
)
def test_what_cannot_work_is_refused_before_it_waits_in_a_queue(options, command, said):
    assert said in refused(*options, command=command)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("90", 5400), ("1:30", 90), ("12:00:00", 43200), ("2-00", 172800), ("1-06:30", 109800), ("2-00:00:01", 172801)],
)
def test_a_time_limit_is_read_as_slurm_reads_it(time, seconds):
    assert seconds_of(time) == seconds


def test_a_time_limit_that_is_none_is_refused():
    with pytest.raises(RunError, match="12:00:00"):
        seconds_of("1 day")


JOB = {
    "activeDeadlineSeconds", "backoffLimit", "rayClusterSpec", "submitterPodTemplate", "metadata", "clusterSelector",
    "submitterConfig", "managedBy", "deletionStrategy", "entrypoint", "runtimeEnvYAML", "jobId", "submissionMode",
    "entrypointResources", "entrypointNumCpus", "entrypointNumGpus", "ttlSecondsAfterFinished",
    "shutdownAfterJobFinishes", "suspend",
}  # fmt: skip
"""Fields of the specification of a RayJob, as KubeRay 1.6 documents them."""
CLUSTER = {
    "rayVersion",
    "authOptions",
    "enableInTreeAutoscaling",
    "autoscalerOptions",
    "headGroupSpec",
    "workerGroupSpecs",
}
GROUP = {"groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts", "rayStartParams", "template"}


def test_the_rayjob_has_fields_that_kuberay_knows_and_is_taken_away_when_done():
    job = yaml.safe_load(printed("kuberay", "--image", "reg/m:1", "--nodes", "6", "--time", "2:00:00", "--gpus", "1"))
    assert (job["apiVersion"], job["kind"], job["metadata"]["name"]) == ("ray.io/v1", "RayJob", "matdisc-predict-emt")
    spec = job["spec"]
    assert spec.keys() <= JOB
    assert (spec["shutdownAfterJobFinishes"], spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (True, 3, 7200)
    assert spec["entrypoint"].endswith("emt-alloys --board /srv/board --address auto")
    ray = spec["rayClusterSpec"]
    assert ray.keys() <= CLUSTER
    assert ray["authOptions"] == {"mode": "token"}
    (group,) = ray["workerGroupSpecs"]
    assert group.keys() <= GROUP
    assert (group["minReplicas"], group["maxReplicas"]) == (0, 6)
    for one in (ray["headGroupSpec"], group):
        pod = one["template"]["spec"]
        mounts = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounts == {volume["name"] for volume in pod["volumes"]} == {"board", "shm"}
        assert all(isinstance(value, str) for value in one["rayStartParams"].values())
    assert group["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
