"""What rows rest on, as BibTeX that an independent reader understands."""

import hashlib
import json

import bibtexparser
import pytest

from matdisc.cli import main
from matdisc.errors import CardError
from matdisc.leaderboard.bibtex import Work, bibtex, entry, key_of, read, works
from matdisc.leaderboard.cite import Row, citations, rows_of
from matdisc.leaderboard.sources import OTHERS, SOFTWARE, TRAINING
from matdisc.tasks import TASKS

CHGNET = "10.1038/s42256-023-00716-3"


def parsed(text: str) -> list[dict[str, str]]:
    """Entries of a BibTeX file, each of which has to be understood."""
    found = bibtexparser.loads(text).entries
    assert len(found) == sum(line.startswith("@") for line in text.splitlines())
    return found


def by_key(text: str) -> dict[str, dict[str, str]]:
    entries = parsed(text)
    keys = [entry["ID"] for entry in entries]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, entries, strict=True))


@pytest.fixture
def row(board):
    """Put a row of CHGNet on the board, with what its run noted of packages."""
    path = board.predictions_dir / "discovery" / "emt-alloys" / "chgnet-0.3.0.csv"
    path.parent.mkdir(parents=True)
    path.write_text("material_id,e_form_per_atom\n")
    packages = {"ase": "3.29.0", "chgnet": "0.4.2", "unheard-of": "1.0"}
    run = {
        "schema": "matdisc.run/2", "predictions_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "entry": "chgnet-0.3.0", "task": "discovery", "dataset": "emt-alloys", "dataset_sha256": "ab",
        "model": "chgnet-0.3.0", "model_sha256": "cd", "protocol": "relax", "matdisc": "0.0.7",
        "cost": {"cpu_seconds": 1.0, "peak_mib": 1.0, "workers": 1, "materials": 1, "failed": 0,
                 "machines": [{"packages": packages}]},
        "lock": {"ase": "3.29.0", "pymatgen": "2026.1", "certifi": "2026.1"},
    }  # fmt: skip
    path.with_name("chgnet-0.3.0.run.json").write_text(json.dumps(run))
    return "chgnet-0.3.0"


@pytest.mark.parametrize(
    ("said", "work"),
    [
        (
            "A. Jain et al., APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323 (Materials Project).",
            Work("", "A. Jain and others", "APL Mater.", "1", "011002", "2013", "10.1063/1.4812323"),
        ),
        (
            "Implementation: A. Hjorth Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017).",
            Work("", "A. Hjorth Larsen and others", "J. Phys.: Condens. Matter", "29", "273002", "2017"),
        ),
        (
            "Xie & Grossman, Crystals, graphs and nets, Phys. Rev. Lett. 120, 145301 (2018)",
            Work("Crystals, graphs and nets", "Xie and Grossman", "Phys. Rev. Lett.", "120", "145301", "2018"),
        ),
        (
            "E. T. Chenebuah and D. T. Chenebuah, arXiv:2312.11335, whose repository publishes the table.",
            Work(author="E. T. Chenebuah and D. T. Chenebuah", year="2023", eprint="2312.11335"),
        ),
        (
            "MatCalc, https://github.com/materialsvirtuallab/matcalc (the structures).",
            Work(title="MatCalc", url="https://github.com/materialsvirtuallab/matcalc"),
        ),
        ("Every value names its own source.", Work(title="Every value names its own source")),
    ],
)
def test_a_sentence_is_read_as_authors_title_place_and_numbers(said, work):
    assert read(said) == work


@pytest.mark.parametrize("form", ["doi:{}", "doi: {}", "DOI:{}", "https://doi.org/{}", "http://dx.doi.org/{}"])
def test_a_doi_is_read_in_every_form_in_which_people_write_it(form):
    text = f"A. Jain et al., APL Mater. 1, 011002 (2013), {form.format('10.1063/1.4812323')}"
    assert read(text) == Work("", "A. Jain and others", "APL Mater.", "1", "011002", "2013", "10.1063/1.4812323")


@pytest.mark.parametrize("text", ["10.1063/1.4812323", "https://doi.org/10.1063/1.4812323", "doi:10.1063/1.4812323"])
def test_a_doi_alone_is_a_publication(text):
    assert read(text) == Work(doi="10.1063/1.4812323")


def test_two_works_are_divided_by_a_semicolon_and_a_remark_is_none():
    found = works("Chen et al. (2019), doi:10.1/a; Ko et al. (2025), doi:10.1021/b; written anew.")
    assert [work.author for work in found] == ["Chen and others", "Ko and others"]


@pytest.mark.parametrize("text", [*SOFTWARE.values(), *TRAINING.values(), *OTHERS])
def test_whom_to_cite_for_packages_and_training_data_is_read_in_full(text):
    for work in works(text):
        assert work.author
        assert work.title
        assert work.year
        assert work.doi or work.eprint


def test_what_tex_would_read_is_printed_as_it_is_written():
    (found,) = parsed(entry("odd", Work(title=r"50% of {x}_1 & y\z #2 ~ $ ^", doi="10.1/a")))
    assert r"50\% of \textbraceleft{}x\textbraceright{}\_1 \& y\textbackslash{}z \#2" in found["title"]


def test_a_brace_without_its_partner_takes_in_nothing_of_the_rest():
    text = entry("odd", Work(title="A brace {", doi="10.1/a"))
    assert text.count("{") == text.count("}")
    assert len(parsed(text + "\n\n" + entry("even", Work(title="Two", doi="10.1/b")))) == 2


def test_a_row_cites_the_program_its_model_its_data_its_metrics_and_its_packages(board, row):
    text = citations(board, rows_of(board, row))
    found = by_key(text)
    assert found["matdisc"]["note"] == "Version 0.0.7"
    assert found[row]["doi"] == CHGNET
    assert found["riebesell2025"]["journal"] == "Nat. Mach. Intell."
    assert found["jacobsen1996"]["volume"] == "366"
    assert found["larsen2017"]["title"].startswith("{The atomic simulation environment")
    assert found["ong2013"]["volume"] == "68"  # pymatgen stands in the lock alone
    assert "certifi" not in text


def test_a_work_that_is_cited_for_three_things_has_one_entry_that_names_them(board, row):
    text = citations(board, rows_of(board, row))
    assert text.count(CHGNET) == 1
    assert f"% model {row}; training data MPtrj; chgnet 0.4.2\n@article{{{row}," in text


def test_what_nobody_has_published_is_named_and_makes_no_entry(board, row):
    text = citations(board, rows_of(board, row))
    assert text.splitlines()[-1] == "% no publication is known of: unheard-of 1.0"


def test_keys_that_would_be_alike_get_letters(board):
    one, other = "T. Ha et al., J. A 1, 2 (2020)", "U. Ha et al., J. B 1, 2 (2020)"
    dataset = board.dataset("elements").model_copy(update={"citation": (one, other)})
    assert {"ha2020", "ha2020a"} <= by_key(citations(board, [Row(None, TASKS["polymorphs"], dataset, {})])).keys()
    assert key_of(read("Á. Ñandú-Ülo et al. (2020)")) == "nanduulo2020"


def test_every_model_of_the_board_has_an_entry(board):
    cards = [card for card in map(board.model, board.model_keys()) if card.citation]
    assert list(by_key("\n".join(map(bibtex, cards)))) == [card.key for card in cards]


def test_all_data_sets_and_training_data_of_the_board_fit_into_one_file(board):
    models, sets = ([read(key) for key in keys] for read, keys in (
        (board.model, board.model_keys()), (board.dataset, board.dataset_keys()),
    ))  # fmt: skip
    pairs = [(model, sets[0]) for model in models] + [(None, card) for card in sets]
    rows = [Row(model, TASKS[card.tasks[0]], card, {}) for model, card in pairs]
    found = by_key(citations(board, rows))
    numbers = [entry["doi"].lower() for entry in found.values() if "doi" in entry]
    assert len(set(numbers)) == len(numbers) > 50


def test_a_row_that_is_not_there_is_answered_with_the_nearest(board, row):
    with pytest.raises(CardError, match=r"'chgnt-0.3.0' is no row of the board at .*; did you mean chgnet-0.3.0\?"):
        rows_of(board, "chgnt-0.3.0")
    with pytest.raises(CardError, match=r"is no row of polymorphs on elements of the board at .*; rows: none"):
        rows_of(board, row, "polymorphs", "elements")
    with pytest.raises(CardError, match="task 'alchemy' does not exist"):
        rows_of(board, row, "alchemy")


def test_the_command_prints_a_file_for_latex(board, row, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["matdisc", "cite", row, "--board", str(board.root)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert row in by_key(capsys.readouterr().out)
