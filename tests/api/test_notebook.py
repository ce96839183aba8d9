"""The notebook of the documentation runs from a clean folder, cell by cell."""

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent.parent / "docs" / "tutorials" / "quickstart.ipynb"


@pytest.mark.slow
def test_every_cell_of_the_quickstart_runs_in_a_clean_folder(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    printed = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    assert "morse on structures (static): 40 frames, 40 groups" in printed
    assert "lennard-jones is ahead" in printed
    assert sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs) == 1
    assert (tmp_path / "my-board" / "leaderboard" / "results" / "static" / "structures" / "morse.json").is_file()
