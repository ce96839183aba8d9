"""A dataset's card as Croissant 1.1 (http://mlcommons.org/croissant/1.1), which is JSON-LD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from matdisc.cards import DataFile, DatasetCard
from matdisc.leaderboard.export.licences import spdx_ids
from matdisc.leaderboard.export.tables import Table
from matdisc.version import __version__

FORMATS = {
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".json": "application/json", ".zip": "application/zip",
    ".jsonl": "application/jsonlines", ".parquet": "application/x-parquet", ".gz": "application/gzip",
    ".xz": "application/x-xz", ".bz2": "application/x-bzip2", ".extxyz": "chemical/x-xyz", ".xyz": "chemical/x-xyz",
}  # fmt: skip
OWN_TERMS = (
    "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileProperty", "fileObject",
    "fileSet", "format", "includes", "excludes", "isArray", "arrayShape", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "sdVersion",
    "separator", "source", "subField", "transform", "annotation", "readLines", "unArchive", "value",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in OWN_TERMS},
}
"""The context of the specification, in the spelling of schema.org that its own reader expects."""
ROLES = {
    "id": "identifier",
    "input": "models see it",
    "target": "the answer, hidden from models",
    "forbidden": "hidden from models",
}


@dataclass(frozen=True, slots=True)
class Publication:
    """Who publishes descriptions, when and where.

    Attributes:
        publisher: Whose board it is.
        day: As in 2026-01-29.
        base_url: Where the site of the board is published.
        files_at: What comes before the name of a file that lies beside the card, `{key}` being the dataset's: a
            folder, an address, or nothing; None where nobody can fetch such files.
    """

    publisher: str
    day: str
    base_url: str | None = None
    files_at: str | None = ""


def croissant(card: DatasetCard, tables: Mapping[str, Table], about: Publication) -> dict[str, Any]:
    """Return the description of a dataset, JSON-ready.

    The tables that lie beside the card are described column by column. Of files that are fetched, and of other formats,
    only the file is described: their columns are read by the dataset's builder under names of its own. A file that has
    no address cannot be listed, and the text says so.

    Args:
        card: The card.
        tables: The tables beside it, by file name, as of `matdisc.leaderboard.export.tables.tables_beside`.
        about: Who publishes it, and where.
    """
    reached = {file.name: url for file in card.files if (url := _address(file, card.key, about))}
    licences = [f"https://spdx.org/licenses/{one}" for one in spdx_ids(card.licence)]
    found: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": card.title,
        "alternateName": card.key,
        "description": _description(card, [file.name for file in card.files if file.name not in reached]),
        "license": licences or [{"@type": "sc:CreativeWork", "name": card.licence}],
        "creator": {"@type": "sc:Organization", "name": about.publisher},
        "datePublished": about.day,
        "version": f"1.0.0+{card.sha256[:12]}" if card.sha256 else "1.0.0",
        "sdVersion": __version__,
        "citeAs": " ".join(card.citation),
        "keywords": ["materials science", "benchmark", *card.tasks],
        "isLiveDataset": False,
        "distribution": [_file(file, reached[file.name]) for file in card.files if file.name in reached],
        "recordSet": [_records(name, table, card) for name, table in tables.items() if name in reached],
    }
    return found | ({"url": url} if (url := _page(card, about)) else {})


def _page(card: DatasetCard, about: Publication) -> str | None:
    """Where the dataset is presented: its page on the site, or else where its first file is fetched from."""
    if about.base_url:
        return f"{about.base_url.rstrip('/')}/datasets/{card.key}.html"
    return next((file.url for file in card.files if file.url), None)


def _address(file: DataFile, key: str, about: Publication) -> str | None:
    if file.embedded and about.files_at is not None:
        return about.files_at.replace("{key}", key) + quote(file.name)
    return file.url


def _description(card: DatasetCard, lost: list[str]) -> str:
    said = [" ".join(card.summary.split()), f"Level of theory: {card.level_of_theory}.", f"Licence: {card.licence}."]
    if lost:
        said.append(f"Files without a public address: {', '.join(lost)}.")
    return " ".join([*said, *card.notes])


def _file(file: DataFile, address: str) -> dict[str, Any]:
    known = {"sha256": file.sha256} if file.sha256 else {"md5": file.md5}
    size = {"contentSize": f"{file.bytes} B"} if file.bytes else {}
    ending = "." + file.name.rpartition(".")[2]
    return {
        "@type": "cr:FileObject",
        "@id": quote(file.name),
        "name": file.name,
        "description": f"Licence: {file.licence}.",
        "contentUrl": address,
        "encodingFormat": FORMATS.get(ending, "application/octet-stream"),
        **known,
        **size,
    }


def _records(name: str, table: Table, card: DatasetCard) -> dict[str, Any]:
    records = quote(name.removesuffix(".csv"))
    key = {"key": {"@id": f"{records}/{quote(table.key)}"}} if table.key else {}
    fields = []
    for column, kind in table.columns.items():
        fields.append({
            "@type": "cr:Field",
            "@id": f"{records}/{quote(column)}",
            "name": column,
            "description": _meaning(column, card),
            "dataType": f"sc:{kind}",
            "source": {"fileObject": {"@id": quote(name)}, "extract": {"column": column}},
        })  # fmt: skip
    return {"@type": "cr:RecordSet", "@id": records, "name": records, "field": fields, **key}


def _meaning(name: str, card: DatasetCard) -> str:
    column = card.columns.get(name)
    if column is None:
        return "Not described on the card."
    unit = "" if column.unit in ("1", "text", "bool") else f" Unit: {column.unit}."
    return f"{column.help.removesuffix('.')}.{unit} Role: {ROLES[column.role]}."
