"""CITATION.cff and .zenodo.json say what the package says of itself."""

import json
import tomllib
from pathlib import Path

import yaml

from matdisc.version import __version__

ROOT = Path(__file__).parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
ZENODO = json.loads((ROOT / ".zenodo.json").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_both_name_the_version_of_the_package():
    assert CITATION["version"] == ZENODO["version"] == __version__


def test_both_name_licence_authors_and_keywords_of_the_package():
    authors = [author["name"] for author in PROJECT["authors"]]
    assert [author["name"] for author in CITATION["authors"]] == authors
    assert [author["name"] for author in ZENODO["creators"]] == authors
    assert CITATION["license"] == ZENODO["license"] == PROJECT["license"]
    assert CITATION["keywords"] == ZENODO["keywords"] == PROJECT["keywords"]


def test_the_citation_has_what_version_1_2_0_of_its_format_needs():
    assert CITATION["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= CITATION.keys()
