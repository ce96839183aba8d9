/* The combined score, loaded when a reader asks for one. */
(() => {
  "use strict";
  const { all, apply, boards, button, change, columns, eligible, groups, make, metric, params, parts, readSorts, score: menu, sortBy, state, unique, view } = window.matdisc;

  /* Combined score: the weighted mean of columns, each from its worst limit (0) to its best (1). Limits come with the
     page and follow from task and data set, so that no new model moves an old score. */
  const weights = new Map();
  const plain = (number) => String(Number(number.toPrecision(4)));
  const scored = (board, key) => board.column(key) && "lo" in metric(board, key);
  function share(board, row, key) {
    const { lo, hi, better, form } = metric(board, key), column = board.column(key);
    let value = board.values(column)[row.place];
    if (typeof value !== "number") return null;
    if (form === "percent" && !column.exact) value /= 100;
    const part = Math.min(1, Math.max(0, (value - lo) / (hi - lo)));
    return better === "lower" ? 1 - part : part;
  }
  function score(board, row) {
    let sum = 0, total = 0;
    for (const [key, weight] of weights) {
      if (!scored(board, key)) continue;
      const part = share(board, row, key);
      if (part === null) return null;
      sum += weight * part;
      total += weight;
    }
    return sum / total;
  }
  function scoreColumn(board) {
    board.rows.forEach((row) => board.cell(row, board.columns[0])); /* remembers the cells before one is put between */
    const first = board.columns[0].head;
    const head = make("th", { scope: "col", className: "num score", rowSpan: first.rowSpan, title: "Weighted mean of the chosen columns" },
      make("span", { className: "label", textContent: "Score" }), make("span", { className: "unit", textContent: "0 to 1" }));
    head.dataset.key = "score";
    const column = { key: "score", label: "Score", first: "descending", head, here: true, index: 1 };
    column.cells = board.rows.map(({ tr }) => {
      const cell = make("td", { className: "num score" }, make("span", { className: "value" }));
      tr.firstElementChild.after(cell);
      return cell;
    });
    column.feet = board.table.tFoot ? [...board.table.tFoot.rows].map((tr) => {
      const cell = make("td", { className: "num score" });
      tr.firstElementChild.after(cell);
      return cell;
    }) : [];
    first.after(head);
    board.makeButton(column);
    board.columns.push(column);
    board.score = column;
  }
  function dropScore(board) {
    [board.score.head, ...board.score.cells, ...board.score.feet].forEach((cell) => cell.remove());
    board.columns.pop();
    board.score = null;
    if (/^score\./.test(state.sort[board.id] || "")) {
      delete state.sort[board.id];
      board.sort();
    }
  }
  function showScore() {
    boards.forEach((board) => {
      const wanted = [...weights.keys()].some((key) => scored(board, key));
      if (!wanted && board.score) dropScore(board);
      if (!wanted) return;
      if (!board.score) scoreColumn(board);
      const { score: column } = board;
      column.values = board.rows.map((row) => score(board, row));
      column.cells.forEach((cell, i) => {
        const value = column.values[i];
        cell.firstChild.textContent = value === null ? "–" : value.toFixed(3);
        if (value === null) cell.title = "undefined: a part is missing";
        else cell.removeAttribute("title");
      });
      const sort = /^score\.(asc|desc)$/.exec(state.sort[board.id] || "");
      if (sort) board.sort("score", `${sort[1]}ending`);
    });
    all("[data-weight]", menu.node).forEach((input) => {
      input.value = weights.get(input.dataset.weight) || 0;
      input.nextElementSibling.textContent = input.value;
    });
    menu.badge.textContent = weights.size ? ` ${weights.size}` : "";
  }
  function weigh(entries) {
    const before = weights.size;
    weights.clear();
    entries.filter(([, weight]) => weight > 0).forEach(([key, weight]) => weights.set(key, weight));
    if (weights.size && !before) {
      showScore();
      boards.forEach((board) => board.score && sortBy(board, board.score));
    }
    change();
  }
  function limitsOf(key) {
    return unique(boards.filter((board) => scored(board, key)).map((board) => {
      const { lo, hi, better, form } = metric(board, key);
      const [worst, best] = (better === "lower" ? [hi, lo] : [lo, hi]).map((end) => plain(form === "percent" ? 100 * end : end));
      return `${worst} → ${best}`;
    })).join("; ");
  }
  function fillScore(panel) {
    panel.append(make("p", { className: "faint", textContent: "Weighted mean; each column counts 0 at its left limit and 1 at its right. No new model moves a limit. A row without one of the parts has no score." }));
    const alike = button("Shown columns alike", "", () => weigh(eligible.filter((key) => view().picked.has(key)).map((key) => [key, 50])));
    const reset = button("Reset", "Reset the weights", () => weigh([]));
    [alike, reset].forEach((node) => { node.className = "chip"; });
    panel.append(make("div", { className: "presets" }, alike, reset));
    eligible.forEach((key) => {
      const input = make("input", { type: "range", min: 0, max: 100, step: 5, value: 0, autocomplete: "off" });
      const group = groups.find((one) => one.columns.some((column) => column.key === key));
      const name = `${group ? `${group.label}: ` : ""}${columns.get(key).label}`;
      input.dataset.weight = key;
      input.setAttribute("aria-label", `Weight of ${name}`);
      input.addEventListener("input", () => weigh(eligible.map((other) => [other, other === key ? Number(input.value) : weights.get(other) || 0])));
      panel.append(make("div", { className: "weight" }, make("span", { className: "what", textContent: name }),
        make("span", { className: "faint", textContent: limitsOf(key) }), input, make("output", { textContent: "0" })));
    });
  }
  parts.score = {
    write(query) {
      if (weights.size) query.set("w", [...weights].map(([key, weight]) => `${key}.${weight}`).join(","));
    },
    apply: showScore,
  };
  function read() {
    const said = (params.get("w") || "").split(",").map((text) => /^(.+)\.(\d{1,3})$/.exec(text));
    const right = said.every((one) => one && eligible.includes(one[1]) && Number(one[2]) > 0 && Number(one[2]) <= 100);
    if (right) said.forEach(([, key, weight]) => weights.set(key, Number(weight)));
    showScore();
    readSorts();
    apply();
  }
  Object.assign(menu, { fill: fillScore, refresh: showScore });
  read();
})();
