"""What matdisc needs: licences that users may live with, bounds that say why, and a recipe and cards that agree."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import matdisc
from matdisc.board import Board

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]
EXTRAS = {name: [*map(Requirement, needed)] for name, needed in PROJECT["optional-dependencies"].items()}
CORE = [*map(Requirement, PROJECT["dependencies"])]
FOR_DEVELOPERS = {"browser", "dev", "docs"}
PAGE = (ROOT / "docs" / "reference" / "dependencies.md").read_text(encoding="utf-8")
CARDS = [card for card in map(Board(ROOT).model, Board(ROOT).model_keys()) if card.extra]
PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|HPND|Zlib|CC0|Unlicense|Public Domain")
COPYLEFT = re.compile(r"GPL|General Public|MPL|Mozilla|EPL|EUPL|CDDL|CC-BY", re.I)


def licence_of(metadata):
    """Return what a package says its licence is, or `unknown`."""
    classified = [line.split(" :: ")[-1] for line in metadata.get_all("Classifier") or [] if line.startswith("License")]
    said = metadata.get("License-Expression") or " AND ".join(sorted(classified)) or metadata.get("License") or ""
    return next(iter(said.strip().splitlines()), "unknown")


def is_permissive(licence):
    """Say whether one of the alternatives asks for no more than a notice."""
    return any(PERMISSIVE.search(one) and not COPYLEFT.search(one) for one in re.split(r" OR | or ", licence))


def licences(needed):
    """Return the licences of requirements and all that they need in turn, of packages that are installed."""
    found, todo = {}, [(requirement, "") for requirement in needed]
    while todo:
        requirement, extra = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = licence_of(package.metadata)
        todo += [(Requirement(line), one) for line in package.requires or [] for one in requirement.extras or {""}]
    return found


@pytest.fixture(scope="module")
def of_users():
    return licences([*CORE, *(one for name, needed in EXTRAS.items() if name not in FOR_DEVELOPERS for one in needed)])


def excepted():
    """Return name and licence of each row of the page's table of licences."""
    return dict(re.findall(r"^\| `([\w.-]+)` \| ([^|]+?) \|", PAGE.split("## Licences")[1].split("\n## ")[0], re.M))


@pytest.mark.parametrize(
    ("licence", "permissive"),
    [
        ("MIT", True),
        ("BSD License AND Apache Software License", True),
        ("LGPLv3 or BSD", True),
        ("MPL-2.0 AND MIT", False),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
        ("Proprietary", False),
        ("unknown", False),
    ],
)
def test_a_licence_is_permissive_if_one_alternative_asks_for_a_notice_only(licence, permissive):
    assert is_permissive(licence) is permissive


def test_each_licence_that_asks_for_more_than_a_notice_is_on_the_page_with_a_reason(of_users):
    assert len(of_users) > 50
    more = {name: licence for name, licence in of_users.items() if not is_permissive(licence)}
    assert {name: excepted().get(name) for name in more} == more


def test_the_page_excuses_no_package_that_needs_no_excuse(of_users):
    assert [name for name in excepted() if name in of_users and is_permissive(of_users[name])] == []
    assert len(excepted()) > 3


def test_an_upper_bound_says_which_break_is_known():
    lines = TEXT.splitlines()
    bounded = [i for i, line in enumerate(lines) if re.search(r'"[\w.\[\]-]+[^"]*[<~]=?\d', line)]
    assert bounded
    assert [lines[i] for i in bounded if not lines[i - 1].lstrip().startswith("#")] == []


def test_every_requirement_has_a_lower_bound():
    needed = [*CORE, *(one for listed in EXTRAS.values() for one in listed)]
    assert [str(one) for one in needed if ">=" not in str(one.specifier)] == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.key)
def test_an_extra_brings_what_its_models_ask_for(card):
    lowest = {
        one.name: next(bound.version for bound in one.specifier if bound.operator == ">=") for one in EXTRAS[card.extra]
    }
    for asked in map(Requirement, card.requirements):
        assert lowest[asked.name] in asked.specifier, asked


def test_the_recipe_of_conda_forge_agrees_with_the_package():
    recipe = yaml.safe_load((ROOT / "recipe" / "recipe.yaml").read_text(encoding="utf-8"))
    python, *needed = recipe["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    assert f">={recipe['context']['python_min']}" == PROJECT["requires-python"]
    assert recipe["context"]["version"] == matdisc.__version__
    names = {"ray": "ray-core"}
    assert needed == [f"{names.get(one.name, one.name)} {one.specifier}" for one in CORE]
    assert recipe["build"]["python"]["entry_points"] == [f"matdisc = {PROJECT['scripts']['matdisc']}"]


def test_the_version_has_its_section_of_the_changelog_or_is_still_to_be_released():
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert sections[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", section) for section in sections[1:])
    assert matdisc.__version__ in sections or sections == ["Unreleased"]
