"""What the site costs with 50 and with 1,000 models: build, bytes and requests of the first view, interactive, sorting.

It writes boards of made-up results on the data sets that come with the package, builds their
sites and opens them from disk in Chromium (`MATDISC_CHROMIUM`, or `chromium` on the path; without one, only the build
is measured). Times of sorting include the layout that follows.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from matdisc.board import Board, init_board
from matdisc.leaderboard.schema.result import COST_METRICS
from matdisc.leaderboard.site import build
from matdisc.tasks import TASKS

COLUMNS = 30
"""Columns of the overview: pairs of a task and a data set."""
SIZES = (50, 1000)
SHARE = 0.6
"""Share of the tables that a model has a row in."""
TRAINING = ("MPtrj", "OMat24", "sAlex", "MP 2022", "GNoME", "OpenLAM")
CARD = """
key = "{key}"
name = "{name}"
version = "1"
kind = "potential"
approach = "universal potential"
summary = "Made up."
level_of_theory = "PBE"
gives = ["energy", "forces", "stress"]
training_sets = {training}
n_params = {n_params}
citation = "Nobody et al., J. Ex. 1, 1 (2026)"
[licence]
code = "MIT"
[[authors]]
name = "Nobody"
"""
SORT = """([table, key]) => {
  const button = document.querySelector(`#${table} th[data-key="${key}"] button.sort`);
  const started = performance.now();
  button.click();
  document.body.getBoundingClientRect();
  return performance.now() - started;
}"""
READY = """() => {
  const [page] = performance.getEntriesByType("navigation");
  return page.domContentLoadedEventEnd;
}"""


def measure(folder: Path) -> None:
    """Print every line of this group."""
    for n in SIZES:
        with_browser(lambda browser, n=n: one_size(folder, n, browser))


def one_size(folder: Path, n: int, browser: Any) -> None:
    """Write a board of `n` models, build its site, and open it."""
    board = make_board(folder / f"site-{n}", n)
    started = time.perf_counter()
    out = build(board, folder / f"site-{n}-out")
    _say(n, "build of all pages", f"{time.perf_counter() - started:8.2f} s")
    if browser is None:
        return
    for page, table in (("index.html", "overview"), _largest(out)):
        first_view(browser, out, n, page, table)


def first_view(browser: Any, out: Path, n: int, name: str, table: str) -> None:
    """Print size, requests, time to interactive and times of sorting of one page, opened seven times."""
    ready, sizes = [], []
    for _ in range(7):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        requests: list[str] = []
        page.on("request", lambda request, seen=requests: seen.append(request.url))
        page.goto((out / name).as_uri())
        page.wait_for_selector("html[data-js=ready]", state="attached")
        ready.append(page.evaluate(READY))
        sizes.append((len(requests), sum(Path(url.removeprefix("file://")).stat().st_size for url in requests)))
        last = page
    keys = last.evaluate(
        "table => [...document.querySelectorAll(`#${table} thead th[data-key]`)].filter(h => h.offsetWidth)"
        ".map(h => h.dataset.key)",
        table,
    )
    sorts = [last.evaluate(SORT, [table, key]) for key in keys]
    again = [last.evaluate(SORT, [table, key]) for key in keys]
    count, size = sizes[-1]
    _say(n, f"{name}: first view", f"{size / 1000:8.1f} kB in {count} requests")
    _say(n, f"{name}: interactive after", f"{np.median(ready):8.0f} ms, best {min(ready):.0f}, worst {max(ready):.0f}")
    _say(
        n,
        f"{name}: sort and layout, {len(keys)} columns",
        f"{np.median(sorts + again):8.1f} ms, best {min(sorts + again):.1f}, worst {max(sorts + again):.1f}",
    )
    for context in browser.contexts:
        context.close()


def make_board(root: Path, n: int) -> Board:
    """Write a board of `n` made-up models with rows in most of `COLUMNS` tables."""
    board = init_board(root)
    shutil.rmtree(board.models_dir)
    rng = np.random.default_rng(0)
    pairs = [(task, key) for key in board.dataset_keys() for task in board.dataset(key).tasks if task in TASKS]
    for i in range(n):
        key = f"model-{i:04d}"
        training = json.dumps(sorted(rng.choice(TRAINING, 1 + i % 3, replace=False).tolist()))
        card = CARD.format(key=key, name=f"Model {i}", training=training, n_params=int(10 ** rng.uniform(5, 8)))
        _write(board.models_dir / key / "model.toml", card)
        for task, dataset in pairs[:COLUMNS]:
            if i < 2 or rng.random() < SHARE:
                text = json.dumps(_result(key, task, dataset, rng), separators=(",", ":"))
                _write(board.results_dir / task / dataset / f"{key}.json", text)
    return board


def _result(model: str, task: str, dataset: str, rng: np.random.Generator) -> dict[str, Any]:
    keys = [metric.key for metric in TASKS[task].metrics if metric.key not in COST_METRICS]
    values = dict(zip(keys, rng.uniform(0.1, 0.9, len(keys)).tolist(), strict=True))
    return {
        "schema": "matdisc.result/2", "entry": model, "model": model, "task": task, "dataset": dataset,
        "n": 1000, "n_groups": 900, "daf_max": 6.5,
        "metrics": {key: {"value": v, "low": v - 0.02, "high": v + 0.02} for key, v in values.items()},
        "baseline": dict.fromkeys(values, 0.95),
    }  # fmt: skip


def _largest(out: Path) -> tuple[str, str]:
    """The task page with the widest table of many rows, and that table's id."""
    data = json.loads((out / "data" / "leaderboard.json").read_text(encoding="utf-8"))
    row = max(data["results"], key=lambda row: (row["task"] == "discovery", row["dataset"] == "wbm"))
    return f"tasks/{row['task']}.html", f"{row['task']}--{row['dataset']}"


def with_browser(call: Callable[[Any], object]) -> None:
    """Call with a Chromium, or with None where there is none."""
    path = os.environ.get("MATDISC_CHROMIUM") or shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        print("no Chromium or no Playwright: only the build is measured")
        call(None)
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"])
        call(browser)
        browser.close()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _say(n: int, what: str, figure: str) -> None:
    print(f"{n:5d} models, {what:55s} {figure}", flush=True)
