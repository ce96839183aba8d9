"""Isolated environments: made once, from hand-made wheels of a toy package, without a network."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from matdisc.board import Board
from matdisc.cli.env import env as env_commands
from matdisc.errors import ExtraError, RunError
from matdisc.run.environments import build, layers, packages

ROOT = Path(__file__).parent.parent.parent
TOY = """
VERSION = {version}

def load():
    from ase.calculators.emt import EMT

    class Scaled(EMT):
        def calculate(self, *arguments):
            super().calculate(*arguments)
            self.results["energy"] *= VERSION

    return Scaled()
"""


def write_wheel(folder, name, version, source, requires=""):
    """Write a wheel of one module."""
    info = f"{name}-{version}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {requires}\n" * bool(requires)
    )
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": about,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        write_wheel(folder, "toyfield", version, TOY.format(version=version))
    write_wheel(folder, "oldfield", "1.0", "", requires="numpy<1")
    write_wheel(folder, "pydantic", "1.0", "")
    return folder


@pytest.fixture(scope="module")
def shelf(wheels, tmp_path_factory):
    """A cache that these tests share, and pip told to look nowhere but in our wheels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATDISC_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(wheels))
        yield layers.environments_dir


@pytest.fixture
def cache(shelf, tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))
    return layers.environments_dir()


def output(python, code, *arguments):
    command = [str(python), "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


ENSURE = """
import sys
from matdisc.run.environments.layers import ensure
made = ensure(sys.argv[1:], model="toy", say=lambda line: print(line, flush=True))
print(made.built, made.python)
"""
WHAT_AND_WHERE = "import toyfield, numpy; print(toyfield.VERSION, numpy.__file__)"
HAS_TOY = "from importlib.util import find_spec; print(find_spec('toyfield') is not None)"


def place(*requirements):
    return layers.environment_folder(build.parsed(requirements, "toy"))


def card(board: Board, *requirements):
    return board.model("emt").model_copy(update={"key": "toy", "requirements": requirements})


def test_a_model_that_needs_another_ray_is_refused_before_anything_is_built(cache):
    with pytest.raises(RunError, match=r"model 'toy' needs 'ray<2', but Ray .* its workers need the same version"):
        layers.ensure(["ray<2"], model="toy")
    assert not cache.exists()


def test_a_requirement_for_other_machines_is_left_out():
    found = build.parsed(["a>=1", "b; sys_platform == 'nowhere'"], "toy")
    assert [r.name for r in found] == ["a"]


def test_numpy_is_kept_at_this_version_unless_the_card_names_it():
    import numpy

    assert f"numpy=={numpy.__version__}" in build.pins(build.parsed(["a"], "toy"))
    named = build.pins(build.parsed(["NumPy>=1.26"], "toy"))
    assert not any(pin.startswith("numpy") for pin in named)


def test_order_and_repetition_of_requirements_do_not_matter_but_versions_and_the_parent_do(board, monkeypatch):
    assert layers.environment_of(card(board, "b", "a", "b")) == ("a", "b")
    assert place("b", "a") == place("a", "b")
    assert place("a==1") != place("a==2")
    before = place("a")
    monkeypatch.setattr(build, "parent_folders", lambda: ["/elsewhere"])
    assert place("a") != before


def test_nothing_is_built_for_a_model_without_requirements_or_without_isolation(board, cache):
    assert layers.runtime_env(card(board), "isolated") == {}
    assert layers.runtime_env(card(board, "toyfield==1.0"), "inherit") == {}
    assert not cache.exists()


def test_what_a_killed_build_leaves_is_no_environment_and_can_be_cleared(cache):
    folder = place("toyfield==1.0")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    assert layers.ready(["toyfield==1.0"], "toy") is None
    assert [(s.name, s.complete) for s in layers.stored()] == [(folder.name, False)]
    assert layers.clear([folder.name]) == []
    assert layers.stored() == []


def test_an_environment_in_use_is_not_cleared(cache):
    folder = place("toyfield==1.0")
    folder.mkdir(parents=True)
    with folder.with_name(folder.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        told = CliRunner().invoke(env_commands, ["clear"])
    assert f"in use and left: {folder.name}" in told.output
    assert folder.exists()
    assert "deleted 1 environments" in CliRunner().invoke(env_commands, ["clear", folder.name]).output
    assert "(incomplete)" not in CliRunner().invoke(env_commands, ["list"]).output


def test_clearing_an_unknown_environment_says_where_to_look(cache):
    told = CliRunner().invoke(env_commands, ["clear", "nosuch"])
    assert isinstance(told.exception, RunError)
    assert "`matdisc env list`" in str(told.exception)


def test_a_worker_in_its_drivers_python_is_told_what_to_install(board, cache):
    layers.confirm(card(board, "numpy>=1"))
    with pytest.raises(ExtraError, match=r"model 'toy': numpy<1 is asked for and [\d.]+ is found; .*--env isolated"):
        layers.confirm(card(board, "numpy<1"))


def test_a_worker_whose_environment_was_removed_behind_it_says_so(board, cache, monkeypatch):
    cache.mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(cache / "numpy-0"))
    with pytest.raises(RunError, match="numpy-0 was removed or changed; run the same command again"):
        layers.confirm(card(board, "numpy<1"))


def test_a_worker_whose_environment_could_not_be_built_says_why(board, monkeypatch):
    monkeypatch.setenv(layers.PROBLEM, "pip said no")
    with pytest.raises(RunError, match="pip said no"):
        layers.confirm(card(board))


def test_versions_name_what_is_installed_and_leave_out_what_is_not():
    import numpy

    assert packages.versions(["numpy", "nosuchthing"]) == {"numpy": numpy.__version__}


@pytest.mark.slow
def test_two_versions_live_beside_each_other_and_the_parent_has_neither(shelf):
    import numpy

    assert output(sys.executable, HAS_TOY) == "False"
    news = []
    made = [layers.ensure([f"toyfield=={v}"], model="toy", say=news.append) for v in ("1.0", "2.0")]
    for env, version in zip(made, ("1.0", "2.0"), strict=True):
        assert output(env.python, WHAT_AND_WHERE) == f"{version} {numpy.__file__}"  # numpy is the parent's
        assert env.packages == {"toyfield": version}
    assert any("building the environment of toy: toyfield==1.0" in line for line in news)
    assert output(sys.executable, HAS_TOY) == "False"


@pytest.mark.slow
def test_a_second_call_builds_nothing_and_needs_no_pip(shelf, monkeypatch):
    layers.ensure(["toyfield==1.0"], model="toy")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    again = layers.ensure(["toyfield==1.0"], model="other")
    assert not again.built


@pytest.mark.slow
def test_a_layer_on_a_layer_hides_the_lower_version_and_leaves_it_alone(shelf):
    lower = layers.ensure(["toyfield==1.0"], model="toy").python
    built, upper = output(lower, ENSURE, "toyfield==2.0").splitlines()[-1].split()
    assert built == "True"
    assert output(upper, WHAT_AND_WHERE).startswith("2.0 ")
    assert output(lower, WHAT_AND_WHERE).startswith("1.0 ")


@pytest.mark.slow
def test_two_processes_at_once_build_once(cache):
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: output(sys.executable, ENSURE, "toyfield==1.0"), range(2)))
    last = [lines.splitlines()[-1] for lines in said]
    assert sorted(line.split()[0] for line in last) == ["False", "True"]
    assert len({line.split()[1] for line in last}) == 1
    assert sum("waiting for it" in lines for lines in said) == 1


@pytest.fixture
def hanging_index():
    """An index that takes calls and never answers, to stop a build in the middle."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, {
            **os.environ, "PIP_NO_INDEX": "0", "PIP_INDEX_URL": f"http://127.0.0.1:{server.getsockname()[1]}/simple",
            "PIP_RETRIES": "0", "PIP_EXTRA_INDEX_URL": "", "PIP_TIMEOUT": "60",
        }  # fmt: skip


def hear_interrupts():
    """Undo what a shell does to commands in the background: they would not hear of a Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_build_stopped_in_the_middle_is_no_environment_and_the_next_call_builds_it(cache, hanging_index, number):
    server, variables = hanging_index
    process = subprocess.Popen(
        [sys.executable, "-c", ENSURE, "toyfield==1.0"], env=variables, cwd=ROOT, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, preexec_fn=hear_interrupts,
    )  # fmt: skip
    call, _ = server.accept()  # pip has asked
    assert place("toyfield==1.0").exists()
    process.send_signal(number)
    process.wait(60)
    if number == signal.SIGINT:
        assert layers.stored() == []
    assert layers.ready(["toyfield==1.0"], "toy") is None
    call.close()  # the orphan that a kill leaves ends now, and gives the lock back
    server.close()
    assert layers.ensure(["toyfield==1.0"], model="toy").built
    assert [s.complete for s in layers.stored()] == [True]


@pytest.mark.slow
def test_what_cannot_be_installed_is_told_with_model_requirement_and_remedy(cache):
    with pytest.raises(RunError) as told:
        layers.ensure(["toyfield==3.0"], model="toy")
    text = str(told.value)
    assert text.startswith("model 'toy': toyfield==3.0 cannot be installed:")
    assert "from versions: 1.0, 2.0" in text
    assert "correct 'requirements' on its card" in text
    assert layers.stored() == []


@pytest.mark.slow
def test_a_model_that_needs_another_numpy_is_told_to_name_it(cache):
    with pytest.raises(RunError, match=r"oldfield 1.0 depends on numpy<1(.|\n)*add the numpy that the model needs"):
        layers.ensure(["oldfield"], model="toy")


@pytest.mark.slow
def test_requirements_beside_which_matdisc_cannot_run_are_refused(cache):
    with pytest.raises(RunError, match=r"model 'toy': matdisc .* cannot run beside pydantic==1.0: ImportError"):
        layers.ensure(["pydantic==1.0"], model="toy")
    assert layers.stored() == []


@pytest.mark.slow
def test_an_environment_is_built_anew_when_the_parent_has_changed_what_it_takes_from_it(cache):
    made = layers.ensure(["toyfield==1.0", "numpy>=1"], model="toy")
    file = made.python.parent.parent / build.MANIFEST
    content = json.loads(file.read_text())
    assert list(content["inherited"]) == ["numpy"]
    file.write_text(json.dumps({**content, "inherited": {"numpy": "0.1"}}))
    assert layers.ensure(["toyfield==1.0", "numpy>=1"], model="toy").built


@pytest.mark.slow
@pytest.mark.ray
def test_two_potentials_of_exclusive_versions_answer_in_one_session(shelf, board, ray_session):
    import ray

    cards = {v: card(board, f"toyfield=={v}") for v in (1.0, 2.0)}

    def ask(asked):
        from ase.build import bulk
        from toyfield import load

        layers.confirm(asked)
        atoms = bulk("Cu", "fcc", a=3.8)
        atoms.calc = load()
        found = packages.versions(["toyfield", "ray"])
        return atoms.get_potential_energy(), found, os.environ.get("OMP_NUM_THREADS"), sys.prefix

    variables = {"MATDISC_CACHE": os.environ["MATDISC_CACHE"]}
    flight = [
        ray.remote(ask).options(runtime_env={**layers.runtime_env(c, "isolated"), "env_vars": variables}).remote(c)
        for c in cards.values()
    ]
    (one, found_one, threads, prefix), (two, found_two, _, _) = ray.get(flight, timeout=120)
    assert (found_one["toyfield"], found_two["toyfield"]) == ("1.0", "2.0")
    assert found_one["ray"] == ray.__version__
    assert two == pytest.approx(2 * one)
    assert threads == "1"
    assert Path(prefix) == place("toyfield==1.0")


ON_A_CLUSTER = """
import sys
from types import SimpleNamespace
import ray
from matdisc.run.environments import layers, packages
from matdisc.run.engine.cluster import ray_cluster

def ask(card):
    import time
    layers.confirm(card)
    time.sleep(0.2)
    return packages.versions(["toyfield"])

def card(requirement):
    return SimpleNamespace(key="toy", requirements=(requirement,))

with ray_cluster(2):
    good = card("toyfield==1.0")
    started = layers.runtime_env(good, "isolated", address="here")
    print(ray.get(ray.remote(ask).options(runtime_env=started).remote(good)))
    bad = card("toyfield==3.0")
    try:
        layers.runtime_env(bad, "isolated", address="here")
    except layers.RunError as err:
        print("PREPARING", str(err).splitlines()[0])
    command = started["py_executable"].replace("==1.0", "==3.0")
    try:
        ray.get(ray.remote(ask).options(runtime_env={"py_executable": command}).remote(bad), timeout=100)
    except ray.exceptions.RayTaskError as err:
        print("STARTING", str(err.cause).splitlines()[0])
    late = card("toyfield==2.0")
    command = started["py_executable"].replace("==1.0", "==2.0")
    print(ray.get(ray.remote(ask).options(runtime_env={"py_executable": command}).remote(late), timeout=100))
"""


@pytest.mark.slow
@pytest.mark.ray
def test_nodes_of_a_cluster_build_before_and_when_workers_start_and_failures_have_words(cache):
    lines = output(sys.executable, ON_A_CLUSTER).splitlines()
    assert lines[0] == "{'toyfield': '1.0'}"
    assert "PREPARING node" in lines[1]
    assert lines[1].endswith("model 'toy': toyfield==3.0 cannot be installed:")
    assert lines[2] == "STARTING model 'toy': toyfield==3.0 cannot be installed:"
    assert lines[3] == "{'toyfield': '2.0'}"
    assert {s.requirements for s in layers.stored()} == {("toyfield==1.0",), ("toyfield==2.0",)}
