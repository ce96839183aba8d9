/* Filters and columns of every table of the board on a page. What stands in the menus comes when they are opened. */
(() => {
  "use strict";
  const { all, boards, change, facts, params, parts, printed, state, tests } = window.matdisc;
  const place = document.getElementById("choose");
  if (!place || !boards.length) return;
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const chips = document.getElementById("chips");
  const unique = (list) => [...new Set(list)];
  const about = (row) => facts.models[row.model] || {};
  const metric = (board, key) => (facts.metrics[board.id] || {})[key] || {};
  const token = (text) => text.replace(/,/g, ";");

  function make(tag, options, ...children) {
    const node = Object.assign(document.createElement(tag), options);
    node.append(...children);
    return node;
  }
  function button(text, label, press) {
    const node = make("button", { type: "button", textContent: text });
    if (label) node.setAttribute("aria-label", label);
    node.addEventListener("click", press);
    return node;
  }

  /* Menus: a script of their own and a style sheet are loaded when one is opened first. Escape and a click outside close
     them and give the focus back. */
  const loaded = new Map();
  function load(name) {
    if (!loaded.has(name)) loaded.set(name, new Promise((onload) => {
      const styles = name.endsWith(".css");
      document.head.append(make(styles ? "link" : "script", styles
        ? { rel: "stylesheet", href: folder + name, onload, onerror: onload } : { src: folder + name, onload }));
    }));
    return loaded.get(name);
  }
  function menu(title, name, file) {
    const badge = make("span", { className: "faint" });
    const panel = make("div", { className: "panel" });
    const node = make("details", { className: `menu ${name}` }, make("summary", {}, title, badge), panel);
    const own = { badge, node, load: () => load(file) };
    own.update = () => { if (node.open && panel.firstChild) own.refresh(); };
    own.open = () => {
      if (!node.open) return;
      all("details.menu[open]", place).forEach((other) => { if (other !== node) other.open = false; });
      Promise.all([load("choose.css"), load(file)]).then(() => {
        if (!panel.firstChild) own.fill(panel);
        own.refresh();
      });
    };
    node.addEventListener("toggle", own.open);
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !node.open) return;
      node.open = false;
      node.firstChild.focus();
    });
    place.append(node);
    return own;
  }
  document.addEventListener("click", (event) => {
    all("details.menu[open]", place).forEach((node) => {
      if (!event.composedPath().includes(node) && document.contains(event.target)) {
        node.open = false;
        const other = event.target.closest("a, button, input, label, select, summary, [tabindex='0']");
        if (!other) node.firstChild.focus({ preventScroll: true });
      }
    });
  });

  /* Filters. A field has options that models share; `every` asks for all that are chosen, else one is enough. */
  const OTHER = "not stated";
  const FIELDS = [
    { key: "train", title: "Training data", of: (m) => m.train || [], signed: true },
    { key: "open", title: "Released", of: (m) => [m.open || OTHER] },
    { key: "targets", title: "Gives", of: (m) => m.targets || [], every: true },
    { key: "approach", title: "Approach", of: (m) => [m.approach || m.kind || OTHER] },
    { key: "overlap", title: "Overlap with test data", of: (m) => [m.overlap || OTHER] },
    { key: "theory", title: "Level of theory", of: (m) => [m.theory || OTHER] },
    { key: "licence", title: "Licence", of: (m) => [m.licence || OTHER] },
  ];
  const everyRow = boards.flatMap((board) => board.rows.map((row) => ({ board, row })));
  FIELDS.forEach((field) => {
    const counts = new Map();
    const models = unique(everyRow.map(({ row }) => row.model)).map((key) => facts.models[key] || {});
    models.flatMap(field.of).forEach((value) => counts.set(value, (counts.get(value) || 0) + 1));
    field.options = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
    field.useful = [...counts.values()].some((n) => n < models.length);
    field.chosen = new Map(); /* option to true, or to false where it is excluded */
  });
  function costOf(row, board) {
    const speed = board.column("crystals_per_cpu_hour"), time = board.column("seconds");
    const value = speed ? board.values(speed)[row.place] : time ? board.values(time)[row.place] : null;
    return speed && value ? 3600 / value : value;
  }
  const hasCost = boards.some((board) => board.column("crystals_per_cpu_hour") || board.column("seconds"));
  const RANGES = [
    { key: "params", title: "Parameters, millions", ends: ["from", "to"], of: (row) => about(row).params / 1e6 },
    { key: "cost", title: "Seconds per material", ends: ["", "at most"], of: costOf, note: "CPU time where it was measured" },
  ].filter((range) => range.key !== "cost" || hasCost);
  RANGES.forEach((range) => { range.chosen = [null, null]; });

  function setTests() {
    FIELDS.forEach(({ key, of, every, signed, chosen }) => {
      const wanted = [...chosen];
      tests[key] = wanted.length && ((row) => {
        const values = of(about(row));
        const fits = ([option, asked]) => values.includes(option) === asked;
        return signed || every ? wanted.every(fits) : wanted.some(fits);
      });
    });
    RANGES.forEach(({ key, of, chosen: [low, high] }) => {
      tests[key] = (low !== null || high !== null) && ((row, board) => {
        const value = of(row, board); /* an unknown one passes no limit */
        return value !== null && (low === null || value >= low) && (high === null || value <= high);
      });
    });
  }
  const limit = (text) => (/^\d{1,12}(\.\d{1,9})?$/.test(text || "") ? Number(text) : null);
  function showFilters() {
    const chosen = [];
    FIELDS.forEach((field) => field.chosen.forEach((asked, option) => {
      const name = field.signed ? `${asked ? "with" : "without"} ${option}` : option;
      chosen.push([`${field.title}: ${name}`, () => field.chosen.delete(option)]);
    }));
    RANGES.forEach((range) => range.ends.forEach((end, i) => {
      if (range.chosen[i] !== null) chosen.push([`${range.title}: ${end} ${range.chosen[i]}`, () => { range.chosen[i] = null; }]);
    }));
    if (state.references === "off") chosen.push(["no references", () => document.getElementById("references").click()]);
    filters.badge.textContent = chosen.length ? ` ${chosen.length}` : "";
    chips.replaceChildren(...chosen.map(([text, drop]) => button(`${text} ×`, `Remove the filter ${text}`, () => {
      drop();
      change();
      (chips.querySelector("button") || filters.node.firstChild).focus();
    })));
    all("button", chips).forEach((node) => { node.className = "chip"; });
    filters.update();
  }
  parts.filters = {
    read() {
      FIELDS.forEach((field) => (params.get(field.key) || "").split(",").forEach((text) => {
        const named = (part) => field.options.find((one) => token(one) === part);
        const option = named(text), excluded = field.signed && text.startsWith("-") && named(text.slice(1));
        if (option !== undefined) field.chosen.set(option, true);
        else if (excluded) field.chosen.set(excluded, false);
      }));
      RANGES.forEach((range) => {
        const ends = (params.get(range.key) || "").split("-");
        if (ends.length === 2) range.chosen = ends.map((end, i) => (range.ends[i] ? limit(end) : null));
      });
    },
    write(query) {
      FIELDS.forEach(({ key, chosen }) => {
        if (chosen.size) query.set(key, [...chosen].map(([option, asked]) => (asked ? "" : "-") + token(option)).join(","));
      });
      RANGES.forEach(({ key, chosen }) => {
        if (chosen.some((end) => end !== null)) query.set(key, chosen.map((end) => (end === null ? "" : end)).join("-"));
      });
    },
    clear() {
      FIELDS.forEach((field) => field.chosen.clear());
      RANGES.forEach((range) => { range.chosen = [null, null]; });
    },
    apply: setTests,
    after: () => showFilters(),
  };

  /* Columns: those of all tables by key, in groups where a first header row has them. */
  function groupsOf(board) {
    const rows = board.table.tHead.rows;
    if (rows.length < 2) return [];
    let at = 1;
    return [...rows[0].cells].filter((head) => !head.hasAttribute("data-key")).map((head) => {
      const columns = board.columns.slice(at, at += head.colSpan);
      return { head, label: printed(head), key: metric(board, columns[0].key).task || columns[0].key, columns };
    });
  }
  const groups = boards.flatMap(groupsOf);
  const columns = new Map();
  boards.forEach((board) => board.columns.slice(1).forEach((column) => {
    column.here = !column.extra;
    if (!columns.has(column.key)) columns.set(column.key, { key: column.key, label: column.label, extra: column.extra, board, column });
  }));
  const keys = [...columns.keys()];
  const filled = (key) => {
    const { board, column } = columns.get(key);
    return board.rows.filter((row) => !row.reference && board.values(column)[row.place] !== null).length;
  };
  function fullest() {
    const counts = new Map(keys.map((key) => [key, filled(key)]));
    const best = [...keys].sort((a, b) => counts.get(b) - counts.get(a)).slice(0, 8);
    return { keys: keys.filter((key) => best.includes(key)), sort: best[0] };
  }
  const PRESETS = [
    ...(keys.some((key) => columns.get(key).extra)
      ? [{ name: "headline", title: "Headline", pick: () => ({ keys: keys.filter((key) => !columns.get(key).extra) }) }] : []),
    { name: "all", title: "All", pick: () => ({ keys }) },
    ...(groups.length ? [{ name: "gaps", title: "Fewest gaps", pick: fullest }] : []),
    ...groups.map((group) => ({
      name: `task-${group.key}`, title: group.label,
      pick: () => ({ keys: group.columns.map(({ key }) => key), sort: group.columns[0].key }),
    })),
  ];
  const same = (a, b) => a.size === b.length && b.every((key) => a.has(key));
  const usual = PRESETS[0].name;
  let preset = usual, picked = new Set(PRESETS[0].pick().keys);

  function showColumns() {
    boards.forEach((board) => board.columns.slice(1).forEach((column) => {
      const here = column.key === "score" || picked.has(column.key);
      if (here === column.here) return;
      column.here = here;
      [column.head, ...board.rows.map((row) => board.cell(row, column)), ...column.feet || footsOf(board, column)]
        .forEach((cell) => cell && cell.classList.toggle("extra", !here));
    }));
    groups.forEach(({ head, columns: inside }) => {
      const n = inside.filter(({ here }) => here).length;
      head.colSpan = n || 1;
      head.hidden = !n;
    });
    columnMenu.badge.textContent = ` ${picked.size} of ${keys.length}`;
    columnMenu.update();
  }
  function footsOf(board, column) {
    column.feet = board.table.tFoot ? [...board.table.tFoot.rows].map((row) => row.cells[column.index + (board.score ? 1 : 0)]) : [];
    return column.feet;
  }
  function pick(list) {
    picked = new Set(list);
    const match = PRESETS.find((one) => same(picked, one.pick().keys));
    preset = match ? match.name : null;
  }
  function sortBy(board, column) {
    board.sort(column.key, column.first);
    state.sort[board.id] = `${column.key}.${column.first.slice(0, -6)}`;
  }
  parts.columns = {
    read() {
      const one = PRESETS.find(({ name }) => name === params.get("preset"));
      const list = (params.get("cols") || "").split(",").filter((key) => columns.has(key));
      if (one) [preset, picked] = [one.name, new Set(one.pick().keys)];
      else if (list.length || params.get("cols") === "none") pick(list);
    },
    write(query) {
      if (preset && preset !== usual) query.set("preset", preset);
      else if (!preset) query.set("cols", keys.filter((key) => picked.has(key)).join(",") || "none");
    },
    apply: () => showColumns(),
  };

  const filters = menu("Filter", "filters", "menus.js");
  const columnMenu = menu("Columns", "columns-menu", "menus.js");
  const eligible = keys.filter((key) => boards.some((board) => board.column(key) && "lo" in metric(board, key)));
  const score = eligible.length && menu("Score", "score-menu", "score.js");
  const exporter = menu("Export", "export-menu", "export.js");
  Object.assign(window.matdisc, {
    FIELDS, PRESETS, RANGES, button, columnMenu, columns, eligible, everyRow, exporter, filters, groups, keys, limit, make, metric, pick,
    score, sortBy, unique, view: () => ({ picked, preset }),
    setView: (name, list) => { [preset, picked] = [name, new Set(list)]; },
  });
  if (score && params.get("w")) {
    parts.score = { write: (query) => query.set("w", params.get("w")) }; /* until its script is here */
    score.load();
  }
})();
