"""A page a result: the evidence behind one row of one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matdisc.leaderboard.schema.evidence import EvidenceMap
from matdisc.leaderboard.schema.materials import Materials
from matdisc.leaderboard.schema.result import Result
from matdisc.leaderboard.site.charts.evidence_graph import Drawing, evidence_graph
from matdisc.leaderboard.site.charts.pair_map import pair_map
from matdisc.leaderboard.site.charts.svg import Plot
from matdisc.leaderboard.site.content import Content
from matdisc.leaderboard.site.material_paths import material_paths
from matdisc.leaderboard.site.pages.model import items_by_model
from matdisc.leaderboard.site.paths import result_path
from matdisc.leaderboard.site.site import Site
from matdisc.leaderboard.site.tables.format import COVERAGE
from matdisc.leaderboard.site.tables.sections import sections
from matdisc.leaderboard.site.worst import Pictures, outcomes_of, worst_of
from matdisc.tasks import TASKS


@dataclass(frozen=True, slots=True)
class AboutMaterials:
    """A materials file, its pictures, and the paths of the pages of its materials by id."""

    materials: Materials
    pictures: Pictures
    paths: Mapping[str, str]


def pages(site: Site) -> dict[str, str]:
    """Return a page for each result of which there is more to say than its table does, in a folder for each model."""
    content = site.content
    about = about_materials(content)
    found: dict[str, str] = {}
    telling = [table for table in site.tables if any(content.tells_more(row.result) for row in table.rows)]
    for items in items_by_model(telling).values():
        for item in items:
            if not content.tells_more(item["result"]):
                continue
            found |= site.page(
                result_path(item["result"]),
                "result.html",
                item=whole(content, item, about),
                coverage_help=COVERAGE,
            )
    return found


def about_materials(content: Content) -> dict[tuple[str, ...], AboutMaterials]:
    """Return what pages of results need of each table's materials file."""
    paths: dict[str, dict[str, str]] = {}
    for (dataset, name), path in material_paths(content.materials).items():
        paths.setdefault(dataset, {})[name] = path
    return {
        place: AboutMaterials(materials, Pictures(materials), paths.get(materials.dataset, {}))
        for place, materials in content.materials.items()
    }


def whole(content: Content, item: Mapping[str, Any], about: Mapping[tuple[str, ...], AboutMaterials]) -> dict[str, Any]:
    """Return one of the `items_by_model` with its figures and tables, its evidence, and its worst materials."""
    result: Result = item["result"]
    place = (result.task, result.dataset)
    details, known = content.details.get((*place, result.entry)), about.get(place)
    return {
        **item,
        "details": details,
        "sections": sections(details) if details else [],
        "evidence": _evidence_of(content, result),
        "outcomes": outcomes_of(result, known.materials, TASKS[result.task].scoring.positive) if known else (),
        "worst": worst_of(known.materials, result.entry, known.pictures, known.paths) if known else None,
    }


@dataclass(frozen=True, slots=True)
class EvidenceSection:
    """What an evidence model learnt in one fold: a heat map of pairs, and graphs of explained alloys.

    Nothing is drawn of a file that was made of another model card or of other alloys.
    """

    found: EvidenceMap
    stale: bool
    heat: Plot | None = None
    graphs: tuple[Drawing, ...] = ()


def _evidence_of(content: Content, result: Result) -> EvidenceSection | None:
    """Heat map and graphs of a result, where a file of evidence about its dataset lies beside it."""
    found = content.evidence.get((result.dataset, result.entry))
    if found is None:
        return None
    if not found.fits(content.models[result.model], content.datasets[result.dataset]):
        return EvidenceSection(found, stale=True)
    graphs = tuple(evidence_graph(explained, i) for i, explained in enumerate(found.alloys) if explained.steps)
    return EvidenceSection(found, False, pair_map(found), graphs)
