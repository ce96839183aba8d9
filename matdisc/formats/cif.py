"""Structures of CIF texts, each under the name of its block, as ASE reads them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from matdisc.errors import DataError
from matdisc.formats.fields import Note, silent

if TYPE_CHECKING:
    from ase import Atoms

MARK = "_cell_length_a"
"""What a text holds that is a CIF of a crystal."""
OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
NUMBERS = ("_space_group.it_number", "_space_group_it_number", "_symmetry_int_tables_number")
SAME = 1e-3
"""Fractional positions closer than this are one site to ASE."""
LOOKED_AT = 2_000_000
"""Characters of a text that are searched for what is wrong with it."""
MAX_LOOKED_AT = 500
"""Most atoms whose sites are compared."""


def blocks(text: str, where: str, *, note: Note = silent) -> Iterator[tuple[str, Atoms]]:
    """Yield name and structure of each block that has atoms; those without are noted.

    Raises:
        DataError: If a block lists atoms, but no structure can be made of them.
        Exception: Whatever ASE raises.
    """
    from ase.io.cif import parse_cif

    for block in parse_cif(io.BytesIO(text.encode("latin1", "replace"))):
        if block.has_structure():
            yield str(block.name), _atoms(block)
        elif any(str(tag).startswith("_atom_site_") for tag in block):
            raise DataError(
                f"{where}: block '{block.name}' lists atoms whose elements or positions are not known; give them, or "
                "take the block out"
            )
        else:
            note(f"block '{block.name}' has no atoms and is left out")


def _atoms(block: Any) -> Atoms:
    """Structure of a block. Where every atom is listed and full, symmetry is not asked, which is much faster."""
    listed = block.get_unsymmetrized_structure() if _lists_all(block) else None
    if listed is None or listed.cell.rank < 3 or _share_sites(listed):
        return block.get_atoms()
    listed.pbc = True
    return listed


def _lists_all(block: Any) -> bool:
    operations = next((block[key] for key in OPERATIONS if key in block), None)
    operations = [operations] if isinstance(operations, str) else operations
    number = next((block[key] for key in NUMBERS if key in block), 1)
    occupancies = block.get("_atom_site_occupancy")
    full = occupancies is None or all(one == 1 for one in occupancies)
    identity = operations is not None and ["".join(one.split()) for one in operations] == ["x,y,z"]
    return full and identity and str(number) == "1"


def _share_sites(atoms: Atoms) -> bool:
    """Whether two atoms stand on one site, or there are too many to look."""
    if len(atoms) > MAX_LOOKED_AT:
        return True
    places = atoms.get_scaled_positions(wrap=False)
    apart = places - places[:, None]
    near = (np.abs(apart - np.round(apart)) < SAME).all(axis=-1)
    return int(near.sum()) > len(atoms)


def why_none(text: str) -> str:
    """Return in words why a text holds no structure that can be read as CIF; empty if that is not known."""
    lines = text[:LOOKED_AT].split("\n")
    if not any(line.strip().lower().startswith("data_") for line in lines):
        return "it is no CIF; one has a line that begins with data_"
    columns: list[str] = []
    for at, line in enumerate(lines, 1):
        words = line.split()
        if words and words[0].lower().startswith("_cell_") and words[-1] in ("?", "."):
            return f"line {at}: {words[0]} is not known"
        if words[:1] == ["loop_"]:
            columns = []
        elif words and words[0].startswith("_"):
            columns.append(words[0].lower())
        for name, word in zip(columns, words, strict=False):
            if word in ("?", ".") and ("_fract_" in name or "_cartn_" in name):
                return f"line {at}: {' '.join(words)[:80]!r} has an unknown position; give the numbers for {word!r}"
    if not any(line.strip().lower().startswith("_atom_site_") for line in lines):
        return "no atoms are listed in it (_atom_site_...)"
    return ""
