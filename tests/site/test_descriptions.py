"""Data sets are described for other catalogues: as a file, and on their pages for search engines."""

import json

import pytest
from site_boards import write
from site_html import read_pages

from matdisc.leaderboard.site import build
from matdisc.leaderboard.site.descriptions import files_at
from matdisc.leaderboard.site.settings import Settings


def test_a_data_set_is_a_croissant_file_that_its_page_links_to_and_holds(site):
    found = json.loads((site / "data" / "croissant" / "alpha-set.json").read_text(encoding="utf-8"))
    assert [file["contentUrl"] for file in found["distribution"]] == ["https://example.org/rows.csv"]
    built = json.loads((site / "build.json").read_text(encoding="utf-8"))["created"]
    assert found["datePublished"] == built[:10]
    text = (site / "datasets" / "alpha-set.html").read_text(encoding="utf-8")
    held = text.split('<script type="application/ld+json">')[1].split("</script>")[0]
    assert json.loads(held) == found | {"recordSet": []}
    page = next(page for page in read_pages(site) if page.path.name == "alpha-set.html")
    assert [link for link in page.all("a") if link.get("href") == "../data/croissant/alpha-set.json"]


def test_what_a_card_says_cannot_end_the_script(board):
    path = board.datasets_dir / "alpha-set" / "dataset.toml"
    write(path, path.read_text(encoding="utf-8").replace("A made-up set", "A </script><b>set"))
    text = (build(board) / "datasets" / "alpha-set.html").read_text(encoding="utf-8")
    held = text.split('<script type="application/ld+json">')[1].split("</script>")[0]
    assert json.loads(held)["description"].startswith("A </script><b>set")


def test_a_published_board_names_its_pages_and_itself(board):
    write(board.root / "leaderboard" / "site.toml", 'base_url = "https://lab.example/board"\npublisher = "A group"\n')
    found = json.loads((build(board) / "data" / "croissant" / "alpha-set.json").read_text(encoding="utf-8"))
    assert found["url"] == "https://lab.example/board/datasets/alpha-set.html"
    assert found["creator"]["name"] == "A group"


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        ("https://github.com/lab/board", "https://github.com/lab/board/raw/HEAD/datasets/{key}/"),
        ("https://gitlab.com/lab/board/", "https://gitlab.com/lab/board/-/raw/HEAD/datasets/{key}/"),
        ("https://example.org/board", None),
        (None, None),
    ],
)
def test_files_beside_a_card_are_fetched_from_a_repository_whose_host_is_known(repository, place):
    assert files_at(Settings(repository=repository)) == place
