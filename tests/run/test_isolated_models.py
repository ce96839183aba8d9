"""Models whose packages exclude each other run in one call, on one machine, beside an environment that has neither.

Needs a package index; SevenNet's weights come inside its package.
"""

import json
from importlib.util import find_spec

import pytest

from matdisc.cli.app import app

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(900)]


def test_sevennet_and_a_potential_with_another_ase_run_in_one_call(board, capfd, monkeypatch, tmp_path):
    if find_spec("sevenn"):
        pytest.skip("sevenn is installed here, so nothing would be shown")
    monkeypatch.setenv("MATDISC_CACHE", str(tmp_path / "cache"))
    old = board.models_dir / "old-ase"
    old.mkdir()
    card = (board.models_dir / "sevennet-0" / "model.toml").read_text()
    text = card.replace('key = "sevennet-0"', 'key = "old-ase"').replace(
        '"sevenn>=0.12"', '"sevenn==0.12.0", "ase==3.25.0"'
    )
    (old / "model.toml").write_text(text)
    with pytest.raises(SystemExit) as end:
        app(["evaluate", "sevennet-0", "old-ase", "-d", "octet-binaries", "-t", "relaxation", "--env", "isolated",
             "--protocol", "single-point", "--workers", "2", "--board", str(board.root), "--no-site"])  # fmt: skip
    assert end.value.code == 0, capfd.readouterr().err
    found = {}
    for key in ("sevennet-0", "old-ase"):
        path = board.predictions_dir / "relaxation" / "octet-binaries" / f"{key}+single-point.run.json"
        cost = json.loads(path.read_text())["cost"]
        assert cost["failed"] == 0
        found[key] = cost["machines"][0]["packages"]
    assert found["old-ase"]["sevenn"] == "0.12.0"
    assert found["old-ase"]["ase"] == "3.25.0"
    assert found["sevennet-0"]["ase"] != "3.25.0"
    assert not find_spec("sevenn")
