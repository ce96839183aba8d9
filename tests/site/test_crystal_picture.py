"""Pictures of crystals: what is drawn of a cell, and what never breaks one."""

import re

import pytest

from matdisc.leaderboard.site.charts.crystal import crystal_svg

CUBE = [[6.3, 0, 0], [0, 6.3, 0], [0, 0, 6.3]]
PEROVSKITE = (["Cs", "Pb", "I", "I", "I"], [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)])


def atoms(svg):
    """Circles of the drawing, without those of the legend: fill, x, y, radius."""
    drawing = svg.partition('<g font-size="13"')[0]
    found = re.findall(r'<circle fill="(#\w{6})" cx="([-\d.e]+)" cy="([-\d.e]+)" r="([-\d.e]+)"/>', drawing)
    return [(fill, *map(float, numbers)) for fill, *numbers in found]


def legend(svg):
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_an_atom_at_a_corner_is_drawn_at_all_eight_and_one_on_a_face_at_both():
    assert len(atoms(crystal_svg(CUBE, ["Cu"], [(0, 0, 0)]))) == 8
    assert len(atoms(crystal_svg(CUBE, ["Cu"], [(0.5, 0.5, 0)]))) == 2
    assert len(atoms(crystal_svg(CUBE, ["Cu"], [(0.5, 0.5, 0.5)]))) == 1
    assert len(atoms(crystal_svg(CUBE, *PEROVSKITE))) == 8 + 1 + 3 * 2


def test_places_outside_the_cell_are_the_same_atoms():
    inside = crystal_svg(CUBE, ["Na", "Cl"], [(0, 0, 0), (0.5, 0.25, 0.5)])
    assert crystal_svg(CUBE, ["Na", "Cl"], [(1, -1, 0), (-0.5, 1.25, 2.5)]) == inside
    assert len(atoms(crystal_svg(CUBE, ["Cu"], [(0.99995, 0, -0.00004)]))) == 8


def test_the_label_and_the_legend_say_in_words_what_the_colours_say():
    svg = crystal_svg(CUBE, *PEROVSKITE)
    assert 'role="img" aria-label="CsPbI3, 5 atoms in the unit cell"' in svg
    assert legend(svg) == ["Cs", "Pb", "I"]
    assert len({fill for fill, *_ in atoms(svg)}) == 3
    assert 'aria-label="silver, 1 atom in the unit cell"' in crystal_svg(CUBE, ["Ag"], [(0, 0, 0)], "silver")


def test_a_molecule_has_no_cell_and_its_distances_are_kept():
    for cell in (None, [[0, 0, 0]] * 3):
        svg = crystal_svg(cell, ["N", "N"], [(0, 0, 0), (0, 0, 1.1)])
        assert 'aria-label="N2, 2 atoms"' in svg
        assert "stroke-dasharray" not in svg
        (_, left, y_left, _), (_, right, y_right, _) = atoms(svg)
        assert abs(right - left) == pytest.approx(33, abs=0.1)  # 1.1 Å at 30 px/Å
        assert y_left == y_right == 80


def test_what_is_nearer_is_drawn_later():
    svg = crystal_svg(CUBE, ["Na", "Cl"], [(0.9, 0.5, 0.5), (0.1, 0.5, 0.5)])  # the first axis points to the reader
    alone = crystal_svg(CUBE, ["Na"], [(0.9, 0.5, 0.5)])
    assert atoms(svg)[-1][0] == atoms(alone)[0][0]


def test_metals_are_not_joined_and_neighbours_of_a_non_metal_are():
    assert 'stroke-width="2.5"' not in crystal_svg([[2, 0, 0], [0, 2, 0], [0, 0, 2]], ["Cu"], [(0, 0, 0)])
    joined = crystal_svg([[4.2, 0, 0], [0, 4.2, 0], [0, 0, 4.2]], ["Mg", "O"], [(0.2, 0.5, 0.5), (0.7, 0.5, 0.5)])
    assert joined.partition('stroke-width="2.5"')[2].partition("/>")[0].count("M") == 1


@pytest.mark.parametrize(
    "cell",
    [CUBE, [[3, 0, 0], [0, 3, 0], [0, 0, 60]], [[3, 0, 0], [8, 3, 0], [1, -7, 4]], [[0, 4, 4], [4, 0, 4], [4, 4, 0]]],
    ids=["cube", "slab", "skewed", "primitive"],
)
@pytest.mark.parametrize("n", [1, 7, 60])
def test_any_cell_stays_in_its_square_and_is_small(cell, n):
    places = [((0.37 * i) % 1, (0.61 * i) % 1, (0.83 * i) % 1) for i in range(n)]
    svg = crystal_svg(cell, ["O", "Fe", "La", "Al", "H", "Xe"] * 10 if n == 60 else ["O"] * n, places)
    assert len(svg) < 6000
    for _, x, y, r in atoms(svg):
        assert r <= x <= 160 - r
        assert r <= y <= 160 - r


def test_hostile_names_are_text():
    svg = crystal_svg(CUBE, ["<b>"], [(0, 0, 0)], '"><script>')
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert legend(svg) == ["&lt;b&gt;"]
    assert "style=" not in svg


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        crystal_svg(CUBE, [], [])
    with pytest.raises(ValueError, match=r"expected \(2, 3\)"):
        crystal_svg(CUBE, ["O", "O"], [(0, 0, 0)])
    with pytest.raises(ValueError, match="the cell has the shape"):
        crystal_svg([[1, 0], [0, 1]], ["O"], [(0, 0, 0)])
