"""What the operating system refuses, and what a terminal cannot show: one line, an exit code, and no work lost."""

import errno
import os
import resource
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matdisc.atomic import copy_folder, write_atomic
from matdisc.cards import ModelCard
from matdisc.cli import main
from matdisc.cli.app import LETTERS
from matdisc.cli.common import TASK_HELP, os_trouble
from matdisc.datasets import fetch
from matdisc.errors import DataError, RunError
from matdisc.models import weights
from matdisc.predictions import SUFFIXES
from matdisc.tasks import TASKS

pytestmark = pytest.mark.slow  # most tests start the command line

COMMAND = [sys.executable, "-m", "matdisc"]
COPPER = """4
Lattice="3.6 0 0 0 3.6 0 0 0 3.6" Properties=species:S:1:pos:R:3 pbc="T T T"
Cu 0 0 0
Cu 0 1.8 1.8
Cu 1.8 0 1.8
Cu 1.8 1.8 0
"""


def run(*arguments, **options):
    words = [*COMMAND, *(str(a) for a in arguments)]
    return subprocess.run(words, capture_output=True, timeout=300, **{"text": True} | options)


@pytest.fixture
def called(capsys, monkeypatch):
    """Call the command line in this process: a new one reads its imports for a second."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["matdisc", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        return subprocess.CompletedProcess(arguments, end.value.code or 0, *capsys.readouterr())

    return call


def shell(line, *arguments, **options):
    """Run a line of sh in which "$@" is the command."""
    words = ["sh", "-c", line, "sh", *COMMAND, *(str(a) for a in arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, **options)


def small_files(limit):
    """Let no file grow beyond `limit` bytes: to a program that is a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def assert_one_line(done, *said):
    """The last line says it all; before it stand news of the work at most."""
    *news, last = done.stderr.splitlines()
    assert done.returncode == 2, done.stderr
    assert last.startswith("error: ")
    assert not [line for line in news if line.startswith(("error", "Traceback", "  "))], done.stderr
    for part in said:
        assert str(part) in last


def everything(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def structure(tmp_path):
    (tmp_path / "copper.extxyz").write_text(COPPER)
    return tmp_path / "copper.extxyz"


@pytest.mark.parametrize(
    ("command", "out"),
    [
        (["init"], "new"),
        (["elicit", "Fe", "Co", "Ni", "--out"], "prompts.jsonl"),
        (["datasets", "structures", "emt-alloys", "--out"], "starts.jsonl"),
        (["site", "build", "--out"], "public"),
    ],
)
def test_a_full_disk_is_one_line_with_path_and_remedy_and_leaves_nothing(board, tmp_path, command, out):
    folder = tmp_path / "full"
    folder.mkdir()
    where = [] if command[0] in ("init", "elicit") else ["--board", board.root]
    done = run(*command, folder / out, *where, preexec_fn=small_files(600))
    assert_one_line(done, f"error: {folder / out}: ", "make room", "--out")
    assert everything(folder) == set()


def test_a_run_on_a_full_disk_says_that_it_goes_on_and_does(board, tmp_path):
    asked = ["predict", "dummy-mean", "discovery", "-d", "emt-alloys", "-w", "0", "-b", board.root]
    done = run(*asked, preexec_fn=small_files(3000))
    assert_one_line(done, "what is done is kept, and the same command goes on from there")
    assert run(*asked).returncode == 0
    assert run(*asked).stdout.count("0 asked now, 221 reused") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["init"],
        ["md", "emt", "{structure}", "-s", "2", "-w", "0", "-b", "{board}", "-o"],
        ["predict", "dummy-mean", "discovery", "-d", "emt-alloys", "--limit", "3", "-w", "0", "-b", "{board}", "-o"],
        ["elicit", "Fe", "Co", "-o"],
        ["elicit", "Fe", "Co", "--endpoint", "http://127.0.0.1:9/v1", "--model", "m", "-o"],
        ["site", "build", "-b", "{board}", "-o"],
        ["datasets", "structures", "emt-alloys", "-b", "{board}", "-o"],
        ["datasets", "corrections", "emt-alloys", "-b", "{board}", "-o"],
        ["alloys", "folds", "synthetic-miedema", "-b", "{board}", "-o"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_path_below_a_file_names_the_file(called, board, structure, tmp_path, command):
    file = tmp_path / "file.csv"
    file.write_text("years of work")
    words = [word.format(structure=structure, board=board.root) for word in command]
    out = file / ("x.jsonl" if "structures" in command else "x.csv")
    assert_one_line(called(*words, out), f"error: {out}", f": {file} is a file", "name another path")
    assert file.read_text() == "years of work"


def test_a_file_in_the_place_of_a_folder_is_named(called, board, structure, tmp_path):
    done = called("md", "emt", structure, "-s", "2", "-w", "0", "-b", board.root, "-o", structure)
    assert_one_line(done, f"error: {structure}: is a file, and a folder belongs here")


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("models/emt/model.toml", ["models", "list"]),
        ("models/emt/model.toml", ["predict", "emt", "discovery", "-d", "emt-alloys", "-w", "0"]),
        ("datasets/elements/dataset.toml", ["datasets", "list"]),
        ("leaderboard/site.toml", ["site", "build"]),
        ("runs/discovery/emt-alloys/emt/records.jsonl", ["predict", "emt", "discovery", "-d", "emt-alloys", "-w", "0"]),
    ],
)
def test_a_folder_in_the_place_of_a_file_is_named(called, board, name, command):
    path = board.root / name
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)
    assert_one_line(called(*command, "-b", board.root), f"error: {path}: is a folder, and a file belongs here")


def test_a_card_that_cannot_be_read_does_not_hide_the_others(called, board):
    path = board.models_dir / "emt" / "model.toml"
    path.unlink()
    path.mkdir()
    done = called("models", "check", "-b", board.root)
    assert_one_line(done, path, "is a folder")
    assert done.stdout.count(": fine\n") == len(board.model_keys()) - 1


def test_a_name_that_is_too_long_is_refused_in_words(called, board):
    assert_one_line(called("init", board.root / ("x" * 300)), "the name is too long; give a shorter one")


def test_a_long_name_that_the_system_takes_is_taken(tmp_path):
    path = tmp_path / ("x" * 250 + ".csv")
    write_atomic(path, b"1")
    assert path.read_bytes() == b"1"


def full_disk(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_that_does_not_fit_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "p.csv"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left") as met:
        write_atomic(path, b"new")
    assert met.value.filename == str(path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("p.csv", b"old")]


def test_a_copy_that_does_not_fit_is_taken_away_and_files_that_are_there_stay(tmp_path, monkeypatch):
    for name, text in (("from/a", "1"), ("from/b/c", "2"), ("to/a", "mine")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def half(source, target):
        target.write_text("half of it")
        full_disk()

    monkeypatch.setattr(shutil, "copyfile", half)
    with pytest.raises(OSError, match="No space left") as met:
        copy_folder(tmp_path / "from", tmp_path / "to")
    assert met.value.filename == str(tmp_path / "to" / "b" / "c")
    assert not (tmp_path / "to" / "b" / "c").exists()
    monkeypatch.undo()
    copy_folder(tmp_path / "from", tmp_path / "to")
    assert [(tmp_path / "to" / name).read_text() for name in ("a", "b/c")] == ["mine", "2"]


def test_every_error_of_the_system_about_a_file_has_one_line_with_its_path():
    for number in errno.errorcode:
        said = os_trouble(OSError(number, os.strerror(number), "/some\nwhere"))
        assert said.startswith("/some where: ")
        assert "; " in said
        assert "\n" not in said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.EIO])
def test_what_happens_to_a_machine_needs_no_path(number):
    assert "; " in os_trouble(OSError(number, os.strerror(number)))


@pytest.mark.parametrize(
    "bug", [OSError("odd"), OSError(errno.ENOENT, "no file"), ConnectionResetError(errno.ECONNRESET, "reset")]
)
def test_an_error_that_names_neither_file_nor_machine_is_a_bug(bug):
    assert os_trouble(bug) is None


def test_a_bug_keeps_its_traceback_and_the_error_of_a_rename_names_the_target():
    code = "import matdisc.cli.app as a\ndef bug():\n    raise OSError('odd')\na.app = bug\na.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    moved = OSError(errno.EXDEV, "Invalid cross-device link", "/a/.tmp", None, "/b/target")
    assert os_trouble(moved).startswith("/b/target: ")


def test_without_a_folder_for_temporary_files_tmpdir_is_named():
    said = os_trouble(FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"))
    assert said.endswith("set TMPDIR to a folder that can be written")


@pytest.fixture(scope="module")
def scored(_shipped, tmp_path_factory):
    """A board with one run, its predictions file, and what `score` prints of it in UTF-8."""
    root = tmp_path_factory.mktemp("scored") / "board"
    shutil.copytree(_shipped.root, root)
    asked = ["predict", "dummy-mean", "discovery", "-d", "emt-alloys", "-w", "0", "-b", root]
    file = run(*asked).stdout.split("predictions: ")[1].strip()
    score = ["score", file, "-t", "discovery", "-d", "emt-alloys", "-b", root]
    return root, score, run(*score, env=os.environ | {"PYTHONIOENCODING": "utf-8"}, encoding="utf-8").stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp850", "shift_jis", "latin-1"])
def test_an_encoding_without_our_letters_shows_the_same_numbers(scored, encoding):
    _, score, expected = scored
    assert "–" in expected
    done = run(*score, env=os.environ | {"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    plain = str.maketrans("─–│┼", "-" * 4)
    words = [word.strip("|+-") for word in done.stdout.translate(plain).split()]
    assert [w for w in words if w] == [w for w in (x.strip("|+-") for x in expected.translate(plain).split()) if w]


@pytest.mark.parametrize(
    ("command", "encoding"),
    [
        (["runs", "list"], "ascii"),
        (["runs", "show", "discovery/emt-alloys/dummy-mean"], "cp437"),
        (["datasets", "list"], "shift_jis"),
    ],
)
def test_lists_appear_in_any_encoding(scored, command, encoding):
    done = run(*command, "-b", scored[0], env=os.environ | {"PYTHONIOENCODING": encoding}, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "emt-alloys" in done.stdout


@pytest.mark.parametrize("command", [["md", "emt", "{structure}", "-s", "2", "-o", "{out}"], ["evaluate", "emt"]])
def test_work_is_done_whatever_the_terminal_can_show(board, structure, tmp_path, command):
    words = [word.format(structure=structure, out=tmp_path / "out") for word in command]
    words += ["-t", "discovery", "-d", "emt-alloys"] if command[0] == "evaluate" else []
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = run(*words, "-w", "0", "-b", board.root, env=ascii_only, encoding="ascii")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("mean |F| eV/Å ≤ 2 Å²", "ascii", b"mean |F| eV/A <= 2 A^2"),
        ("2 Å²", "cp437", b"2 \x8f\xfd"),
        ("– · ▲ é 水", "ascii", b"- * ^ e ?"),
        ("–", "latin-1", b"-"),
        ("a\udcffb", "utf-8", b"a?b"),
    ],
)
def test_letters_that_an_encoding_lacks_have_substitutes(text, encoding, shown):
    assert text.encode(encoding, LETTERS) == shown


@given(st.text(), st.sampled_from(["ascii", "cp437", "cp850", "shift_jis", "latin-1", "utf-8", "utf-16", "cp037"]))
def test_any_text_can_be_shown_in_any_encoding_and_what_it_has_is_kept(text, encoding):
    shown = text.encode(encoding, LETTERS).decode(encoding)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        assert shown != text
    else:
        assert shown == text.encode(encoding).decode(encoding)


@pytest.mark.parametrize("line", ['exec "$@" >&-', 'exec "$@" >&- 2>&-', 'exec "$@" <&- >&- 2>&-', '"$@" | true'])
def test_closed_output_does_not_touch_the_work(scored, tmp_path, line):
    root, score, _ = scored
    asked = ["predict", "dummy-mean", "discovery", "-d", "emt-alloys", "-w", "0", "-b", root, "-o"]
    assert run(*asked, tmp_path / "open.csv").returncode == 0
    done = shell(line, *asked, tmp_path / "closed.csv")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr
    assert (tmp_path / "closed.csv").read_bytes() == (tmp_path / "open.csv").read_bytes()
    assert shell(line, *score).returncode == 0


def test_nobody_reading_any_more_is_no_error_of_ours(scored):
    with subprocess.Popen([*COMMAND, *map(str, scored[1])], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        command.stdout.close()
        said = command.stderr.read()
    assert (command.returncode, said) == (0, b"")


def test_an_error_keeps_its_exit_code_without_any_output(scored):
    where = ["-t", "discovery", "-d", "emt-alloys", "-b", scored[0]]
    assert shell('exec "$@" >&- 2>&-', "score", "none.csv", *where).returncode == 2


def test_a_report_that_is_lost_on_a_full_disk_is_told_by_the_exit_code(scored):
    done = shell('exec "$@" >/dev/full', *scored[1])
    assert_one_line(done, "error: standard output: No space left on device; the work is done")


def test_every_task_is_named_where_one_is_asked_for(called):
    assert all(key in TASK_HELP for key in TASKS)
    names = TASK_HELP.replace(" ", "")  # lines may also break at a hyphen
    for command in (["score"], ["check"], ["submit"], ["compare"], ["datasets", "structures"]):
        assert names in "".join(called(*command, "--help").stdout.split()), command


def test_every_kind_of_predictions_file_is_named_in_the_help(called):
    words = called("score", "--help").stdout.replace(",", " ").replace(";", " ").split()
    assert set(SUFFIXES) <= {word.rstrip(".") for word in words}


def test_damaged_weights_name_what_is_wrong_and_the_remedy(tmp_path):
    from matdisc.models.get.files import read

    (tmp_path / "weights.safetensors").write_bytes(b"half")
    for text, said in (
        ("", "'format' is None"),
        ("format = 1\nweights = 3\n", "lacks 'sha256'"),
        (f'format = 1\n[weights]\nsha256 = "{"0" * 64}"\n', "is damaged, or of another model: it has sha256"),
        (f'format = 1\nsettings = 3\n[weights]\nsha256 = "{"0" * 64}"\n', r"\[settings\] is damaged"),
    ):
        (tmp_path / "model.toml").write_text(text)
        with pytest.raises(DataError, match=rf"{tmp_path}.*{said}.*or train again"):
            read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"half a file", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_checkpoint_of_a_training_names_the_remedy(tmp_path, content):
    from matdisc.models.get.training.checkpoint import NAME, load_checkpoint

    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(RunError, match=rf"{NAME}: not a checkpoint.*intact copy, or begin anew"):
        load_checkpoint(tmp_path)


def test_a_damaged_checkpoint_in_the_cache_that_cannot_be_fetched_again_is_named(board, tmp_path, monkeypatch):
    def offline(*arguments):
        raise ConnectionError

    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path))
    monkeypatch.delenv("MATDISC_MIRROR", raising=False)
    monkeypatch.setattr(fetch, "ATTEMPTS", 1)
    monkeypatch.setattr(fetch, "download", offline)
    content = board.model("emt").model_dump(exclude={"weights"})
    asked = {"url": "https://example.org/net.pt", "sha256": "0" * 64}
    file = tmp_path / "weights" / "emt" / "net.pt"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half")
    with pytest.raises(DataError, match=rf"{file} is damaged .*cannot be replaced.*download it by hand to {file}"):
        weights.checkpoint(ModelCard.model_validate(content | {"weights": asked}))


def test_predictions_of_liquids_are_refused_under_a_name_that_means_another_format(called, tmp_path):
    done = called("electrolytes", "analyse", "EC=nowhere", "--out", tmp_path / "x.jsonl")
    assert_one_line(done, tmp_path / "x.jsonl", "written as .csv or .csv.gz")
