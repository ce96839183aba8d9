"""Citations: from the sentence that a card has to an entry of a BibTeX file."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, fields, replace

from matdisc.cards import ModelCard
from matdisc.leaderboard.names import display_name

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
}  # fmt: skip
"""Braces by their names: BibTeX counts them after a backslash, too, and one alone would take in the rest of a file."""
YEAR = re.compile(r"\(((?:19|20)\d\d)\)")
DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|\bdoi: ?|^)(10\.\d{4,9}/[^\s,;]+)", re.IGNORECASE)
EPRINT, URL = re.compile(r"\barXiv: ?(\d{4}\.\d{4,5})", re.IGNORECASE), re.compile(r"https://[^\s,;)]+")
IDENTIFIERS = re.compile(r"(?:^|, )(?:doi:|arXiv:|https://|10\.\d{4,9}/)", re.IGNORECASE)
LABEL = re.compile(r"^[A-Za-z][\w -]{1,70}: ")
SURNAME = r"[^\W\d_a-z][\w'’-]+"
NAMES = (rf"(?:[^\W\d_a-z]\.[- ]?)+(?:[a-z]+ )?{SURNAME}(?: {SURNAME})?", rf"(?:De |Van )?{SURNAME}")
"""A person with initials and one without; a list has either kind."""
END = r"(?= et al\.|,| and | & | \()"
AUTHORS = re.compile(
    "(?P<names>"
    + "|".join(rf"{name}{END}(?:, {name}{END})*(?:(?: and | & ){name}{END})?" for name in NAMES)
    + r")(?P<more> et al\.)?(?=,| \()"
)
PLACE = re.compile(r", (?P<journal>[^,()]*[^\W\d][^,()]*) (?P<volume>\d+), (?P<pages>\w+) \((?P<year>(?:19|20)\d\d)\)")


@dataclass(frozen=True, slots=True)
class Work:
    """A publication, as far as it is known: fields as BibTeX has them, empty where unknown, `author` ready for TeX."""

    title: str = ""
    author: str = ""
    journal: str = ""
    volume: str = ""
    pages: str = ""
    year: str = ""
    doi: str = ""
    eprint: str = ""
    note: str = ""
    url: str = ""

    @property
    def known(self) -> bool:
        """Whether somebody could look it up."""
        return bool(self.doi or self.eprint or self.url or self.year)

    def same(self, other: Work) -> bool:
        """Whether two are one publication, by their identifiers or, where neither has any, by all they say."""
        if self.doi and other.doi:
            return self.doi.lower() == other.doi.lower()
        return self.eprint == other.eprint if self.eprint and other.eprint else self == other

    def filled(self, other: Work) -> Work:
        """Return this work with what another text knows of it; a journal's year counts before a preprint's."""
        first, second = (other, self) if other.journal and not self.journal else (self, other)
        merged = {field.name: getattr(first, field.name) or getattr(second, field.name) for field in fields(Work)}
        return replace(first, **merged | {"note": self.note, "url": self.url})


def works(text: str) -> list[Work]:
    """Return the publications that a citation names, in its order, divided by semicolons.

    A part that nobody could look up is a remark and left out, unless the text has nothing else.
    """
    found = [read(part) for part in text.split("; ")]
    return [work for work in found if work.known] or found[:1]


def read(sentence: str) -> Work:
    """Return what `AUTHORS, TITLE, JOURNAL VOLUME, PAGE (YEAR), doi:…, arXiv:…` says; any part may be missing.

    Of another sentence identifiers and year are taken, and what stands before the identifiers is the title.
    """
    said = " ".join(sentence.split())
    doi, eprint, url, year = (form.search(said) for form in (DOI, EPRINT, URL, YEAR))
    work = Work(
        year=year[1] if year else _submitted(eprint[1]) if eprint else "",
        doi=doi[1].rstrip(".):") if doi else "",
        eprint=eprint[1] if eprint else "",
        url=url[0].rstrip(".") if url and not DOI.match(url[0]) else "",
    )
    bare = LABEL.sub("", said)
    people = AUTHORS.match(bare)
    if not people or not (people["more"] or re.search(r"[.&]| and ", people["names"])):
        return replace(work, title=IDENTIFIERS.split(said)[0].rstrip("."))
    place = PLACE.search(bare, people.end())
    ends = [found.start() for form in (PLACE, YEAR, EPRINT, DOI) if (found := form.search(bare, people.end()))]
    names = [*re.split(r", | and | & ", people["names"]), *(["others"] if people["more"] else [])]
    title = bare[people.end() : min(ends, default=len(bare))].strip(" ,.(")
    return replace(work, author=" and ".join(names), title=title, **(place.groupdict() if place else {}))


def _submitted(eprint: str) -> str:
    """Return the year in which arXiv got a preprint, which its number begins with; empty for an odd number."""
    return f"20{eprint[:2]}" if 1 <= int(eprint[2:4]) <= 12 else ""


def model_work(card: ModelCard) -> Work:
    """Return the first work that a card cites, or where its authors are not named there, the model itself.

    In the first case the note says which model it is, in the second it is the whole citation.
    """
    work = works(card.citation or "")[0]
    link = work.url or str(card.links.paper or card.links.repository or "")
    if any(link.endswith(f"/{number}") for number in (work.doi, work.eprint) if number):
        link = ""  # it says what the number says
    if work.author:
        return replace(work, note=display_name(card), url=link)
    authors = " and ".join("{" + _tex(person.name) + "}" for person in card.authors)
    return replace(work, author=authors, title=display_name(card), note=card.citation or "", url=link)


def bibtex(card: ModelCard) -> str:
    """Return the BibTeX entry of a model."""
    return entry(card.key, model_work(card))


def entry(key: str, work: Work) -> str:
    """Return a work as an entry of a BibTeX file: an article if its journal is known."""
    found = {field.name: getattr(work, field.name) for field in fields(Work)}
    for name in ("title", "journal", "volume", "pages", "note"):
        found[name] = _tex(found[name])
    for name in ("doi", "eprint", "url"):
        found[name] = re.sub(r"[{}\\]", "", found[name])
    found["title"] = found["title"] and "{" + found["title"] + "}"
    found["archiveprefix"] = "arXiv" if work.eprint else ""
    lines = [f"  {name} = {{{text}}}" for name, text in found.items() if text]
    return f"@{'article' if work.journal else 'misc'}{{{key},\n" + ",\n".join(lines) + "\n}"


def key_of(work: Work) -> str:
    """Return surname and year in plain letters, `jain2013`; the first word of the title where nobody is named."""
    word = (work.author.split(" and ")[0].split() or work.title.split()[:1] or ["work"])[-1]
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]", "", plain) + work.year


def _tex(text: str) -> str:
    """Text in which no character means anything to TeX, on one line."""
    return "".join(SPECIAL.get(character, character) for character in " ".join(text.split()))
