/* Any quantity against any other. The picture and the table that the page brings are the first of these views. */
(function () {
  "use strict";
  const data = window.matdiscScatter;
  const figure = document.getElementById("scatter");
  if (!data || !figure) return;
  const SVG = "http://www.w3.org/2000/svg";
  const LEFT = 56, RIGHT = 14, TOP = 28, FOOT = 46, NEAR = 26, MODELS = "model", NONE = "none";
  const NOT_SAID = "not stated", OTHERS = "other", SERIES = 8, BINS = 5;
  const canvas = figure.querySelector(".canvas");
  const byId = (id) => document.getElementById(id);
  let view = null, hovered = null, width = 0;

  /* What there is to show, by key. */
  const fields = new Map(), kinds = new Map(), tables = new Map();
  data.facts.forEach((field) => fields.set(field.key, Object.assign(field, { table: null })));
  data.tables.forEach((table) => {
    tables.set(table.id, table);
    table.own = new Map();
    table.rows.forEach(([entry, model], row) => {
      if (!table.own.has(model) || entry === data.models[model].key) table.own.set(model, row);
    });
    table.fields.forEach((field) => fields.set(field.key, Object.assign(field, { table })));
  });
  data.kinds.forEach((kind) => kinds.set(kind.key, kind));
  const START = { x: data.start.x, y: data.start.y, c: data.start.c, s: NONE, bars: true, refs: false, m: [] };
  let state = { ...START };

  /* Numbers and names */
  const minus = (text) => text.replace(/-/g, "−");
  const formats = new Map();
  function format(options) {
    const key = JSON.stringify(options);
    if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en", options));
    return formats.get(key);
  }
  function show(field, value) {
    const fixed = { minimumFractionDigits: field.dec, maximumFractionDigits: field.dec };
    const loose = { maximumSignificantDigits: 3, maximumFractionDigits: 12 };
    return minus(format(field.log && value ? loose : fixed).format(value + 0));
  }
  const named = (field) => field.unit ? field.label + ", " + field.unit : field.label;
  const axisName = (field) => named(field) + (field.table ? " · " + field.table.short : "");
  const title = (text) => /^.[a-z]/.test(text) ? text[0].toLowerCase() + text.slice(1) : text;

  const apart = (x, y) => Boolean(x.table && y.table && x.table !== y.table);

  /* Points: rows of one table, or where two tables meet, models with a row in both. */
  function makePoints() {
    const x = fields.get(state.x), y = fields.get(state.y);
    const at = (field, model, row) => {
      const i = field.table ? row : model;
      const end = (name) => field[name] ? field[name][i] : null;
      return { v: field.v[i], lo: end("lo"), hi: end("hi") };
    };
    const point = (model, rowX, rowY, name, key) =>
      ({ model, rowX, rowY, name, key, ref: data.models[model].ref, x: at(x, model, rowX), y: at(y, model, rowY) });
    const table = x.table || y.table;
    if (!table) return data.models.map((model, i) => point(i, null, null, model.name, model.key));
    if (!x.table || !y.table || x.table === y.table) {
      return table.rows.map(([entry, model, name], row) => point(model, row, row, name, entry));
    }
    const found = [];
    x.table.own.forEach((rowX, model) => {
      if (!y.table.own.has(model)) return;
      const rowY = y.table.own.get(model);
      const variants = [x.table.rows[rowX][0], y.table.rows[rowY][0]]
        .filter((entry) => entry.includes("+")).map((entry) => entry.slice(entry.indexOf("+") + 1));
      const name = data.models[model].name + (variants.length ? " (" + [...new Set(variants)].join(" | ") + ")" : "");
      found.push(point(model, rowX, rowY, name, data.models[model].key));
    });
    return found;
  }
  function lookUp(key, point) {
    if (kinds.has(key)) return kinds.get(key).v[point.model];
    const field = fields.get(key);
    if (!field) return null;
    if (!field.table) return field.v[point.model];
    if (field.table === fields.get(state.x).table) return field.v[point.rowX];
    if (field.table === fields.get(state.y).table) return field.v[point.rowY];
    return field.table.own.has(point.model) ? field.v[field.table.own.get(point.model)] : null;
  }

  /* The Pareto front: nobody is at least as good in both and better in one. */
  function fronts(points, x, y) {
    if (!x.better || !y.better) return { best: [], perhaps: new Set() };
    const sx = x.better === "lower" ? 1 : -1, sy = y.better === "lower" ? 1 : -1;
    const ends = (value, sign) => {
      const all = [value.lo, value.v, value.hi].filter((end) => end !== null).map((end) => sign * end);
      return [Math.min(...all), Math.max(...all)];
    };
    const ranked = points.filter((point) => !point.ref).map((point) =>
      ({ point, x: sx * point.x.v, y: sy * point.y.v, ex: ends(point.x, sx), ey: ends(point.y, sy) }));
    const best = [];
    ranked.slice().sort((a, b) => a.x - b.x || a.y - b.y).forEach((one) => {
      const last = best[best.length - 1];
      if (!last || one.y < last.y || (one.y === last.y && one.x === last.x)) best.push(one);
    });
    const beaten = (one) => ranked.some((other) => other.ex[1] <= one.ex[0] && other.ey[1] <= one.ey[0] &&
      (other.ex[1] < one.ex[0] || other.ey[1] < one.ey[0]));
    const perhaps = ranked.filter((one) => !best.includes(one) && !beaten(one)).map((one) => one.point);
    return { best: best.map((one) => one.point), perhaps: new Set(perhaps) };
  }

  /* Axes */
  function roundStep(span) {
    const rough = span / 4, power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
  }
  function ticked(value, places) {
    if (places > 3) return value.toExponential(0).replace("e-", "·10⁻").replace(/\d+$/, raised).replace(/^1·/, "");
    const large = value >= 1e6 && value < 1e9 ? [value / 1e6, " M"] : [value, ""];
    return minus(format({ minimumFractionDigits: places, maximumFractionDigits: large[1] ? 1 : places }).format(large[0])) + large[1];
  }
  const raised = (digits) => [...digits].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("");
  function makeAxis(values, log, start, stop) {
    const numbers = values.flatMap((value) => [value.v, value.lo, value.hi]).filter((n) => n !== null && (!log || n > 0));
    const scaled = log ? numbers.map(Math.log10) : numbers;
    let low = Math.min(...scaled), high = Math.max(...scaled);
    const room = 0.06 * (high - low) || (log ? 0.3 : 0.1 * Math.abs(high) || 1);
    low -= room;
    high += room;
    const place = (value) => {
      const at = log ? Math.log10(Math.max(value, 1e-300)) : value;
      return start + Math.min(Math.max((at - low) / (high - low), 0), 1) * (stop - start);
    };
    const ticks = [];
    if (log && high - low > 0.7) {
      const factors = high - low > 3 ? [1] : high - low > 1.6 ? [1, 3] : [1, 2, 5];
      for (let power = Math.floor(low); power <= high; power += 1) {
        factors.forEach((factor) => {
          const value = factor * 10 ** power;
          if (Math.log10(value) >= low && Math.log10(value) <= high) ticks.push([value, ticked(value, Math.max(0, -power))]);
        });
      }
    } else {
      const [from, to] = log ? [10 ** low, 10 ** high] : [low, high];
      const by = roundStep(0.8 * (to - from)), places = Math.max(0, -Math.floor(Math.log10(by) + 1e-9));
      const last = Math.floor(to / by + 1e-9);
      for (let i = Math.ceil(from / by - 1e-9); i <= last; i += 1) ticks.push([i * by, ticked(i * by + 0, places)]);
    }
    return { place, ticks };
  }

  /* Colours: a category has a colour and a shape, a number a shade and a shape. */
  function colours(points) {
    const field = fields.get(state.c);
    if (field) return shades(points, field);
    if (!kinds.has(state.c)) return { legend: [], of: () => 0, css: "s", title: "" };
    const values = points.map((point) => lookUp(state.c, point));
    const counts = new Map();
    values.forEach((value) => { if (value) counts.set(value, (counts.get(value) || 0) + 1); });
    const unknown = values.some((value) => !value);
    const ordered = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
    const most = SERIES - (unknown ? 1 : 0);
    const own = ordered.length <= most ? ordered : ordered.slice(0, most - 1);
    const legend = own.slice().sort((a, b) => a < b ? -1 : 1)
      .concat(own.length < ordered.length ? [OTHERS] : [], unknown ? [NOT_SAID] : []);
    const of = (point) => {
      const value = lookUp(state.c, point);
      return legend.indexOf(!value ? NOT_SAID : own.includes(value) ? value : OTHERS);
    };
    return { legend, of, css: "s", title: kinds.get(state.c).label };
  }
  function shades(points, field) {
    const known = points.map((point) => lookUp(field.key, point)).filter((value) => value !== null && value !== undefined);
    const log = field.log && known.every((value) => value > 0);
    const scale = log ? Math.log10 : (value) => value;
    const low = Math.min(...known.map(scale)), high = Math.max(...known.map(scale));
    const bins = known.length && high > low ? BINS : 1;
    const edge = (i) => { const at = low + (i / bins) * (high - low); return show(field, log ? 10 ** at : at); };
    const legend = known.length ? Array.from({ length: bins }, (_, i) => bins === 1 ? edge(0) : edge(i) + "–" + edge(i + 1)) : [];
    legend.push(NOT_SAID);
    const of = (point) => {
      const value = lookUp(field.key, point);
      if (value === null || value === undefined) return legend.length - 1;
      return high > low ? Math.min(bins - 1, Math.floor(bins * (scale(value) - low) / (high - low))) : 0;
    };
    if (known.length === points.length) legend.pop();
    return { legend, of, css: "r", title: named(field) };
  }
  function cssOf(palette, point) {
    const k = palette.of(point);
    const hollow = point.ref ? " hollow" : "";
    if (palette.css === "s") return "point" + hollow + " s" + k;
    return "point" + hollow + (palette.legend[k] === NOT_SAID ? " s7" : " r" + k);
  }
  function sizes(points) {
    const field = fields.get(state.s);
    if (!field) return { of: () => 1, title: "" };
    const known = points.map((point) => lookUp(field.key, point)).filter((value) => value !== null && value !== undefined);
    const log = field.log && known.every((value) => value > 0);
    const scale = log ? Math.log10 : (value) => value;
    const low = Math.min(...known.map(scale)), high = Math.max(...known.map(scale));
    const of = (point) => {
      const value = lookUp(field.key, point);
      if (value === null || value === undefined) return 0.75;
      return high > low ? Math.sqrt(0.6 + 3.4 * (scale(value) - low) / (high - low)) : 1;
    };
    const ends = known.length ? known.reduce((a, b) => [Math.min(a[0], b), Math.max(a[1], b)], [Infinity, -Infinity]) : null;
    const words = ends ? "Size: " + named(field) + ", " + show(field, ends[0]) + " (small) to " + show(field, ends[1]) + " (large)" : "";
    return { of, title: words };
  }

  /* Drawing */
  function element(name, attributes, parent, text) {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, String(value)));
    if (text !== undefined) made.textContent = text;
    if (parent) parent.appendChild(made);
    return made;
  }
  const fixed = (value) => Math.round(value * 10) / 10;
  function logarithmic(axis) {
    return state[axis + "log"] === undefined ? fields.get(state[axis]).log : state[axis + "log"];
  }
  function sort(points) {
    const all = state.refs ? points : points.filter((point) => !point.ref);
    const undefinedOnes = [], noLog = [], drawn = [];
    const log = { x: logarithmic("x"), y: logarithmic("y") }, refused = [];
    const both = all.filter((point) => point.x.v !== null && point.y.v !== null);
    ["x", "y"].forEach((axis) => {
      if (log[axis] && both.length && !both.some((point) => point[axis].v > 0)) {
        log[axis] = false;
        refused.push(axis);
      }
    });
    all.forEach((point) => {
      const lacks = ["x", "y"].filter((axis) => point[axis].v === null);
      const below = ["x", "y"].filter((axis) => log[axis] && point[axis].v !== null && point[axis].v <= 0);
      if (lacks.length) undefinedOnes.push([point, lacks]);
      else if (below.length) noLog.push([point, below]);
      else drawn.push(point);
    });
    return { drawn, undefinedOnes, noLog, log, refused };
  }
  function measure() {
    width = Math.max(280, Math.min(canvas.clientWidth || 760, 1400));
  }
  function draw() {
    const x = fields.get(state.x), y = fields.get(state.y);
    const sorted = sort(makePoints()), points = sorted.drawn;
    const sign = y.better === "lower" ? 1 : -1;
    points.sort((a, b) => sign * (a.y.v - b.y.v) || (a.name < b.name ? -1 : 1));
    const { best, perhaps } = fronts(points, x, y);
    const palette = colours(points), size = sizes(points);
    view = { x, y, points, best, perhaps, palette, size, sorted };
    hovered = null;
    const height = Math.round(Math.max(320, Math.min(0.62 * width, 640)));
    const svg = element("svg", { viewBox: "0 0 " + width + " " + height, role: "img", "aria-label": axisName(y) + " against " + axisName(x) + ". " + words() });
    if (points.length) drawPoints(svg, height);
    canvas.replaceChildren(svg);
    drawLegend();
    drawTable();
    say();
    label();
  }
  function drawPoints(svg, height) {
    const { x, y, points, best, palette, size, sorted } = view;
    const across = makeAxis(points.map((point) => point.x), sorted.log.x, LEFT, width - RIGHT);
    const up = makeAxis(points.map((point) => point.y), sorted.log.y, height - FOOT, TOP);
    Object.assign(view, { height });
    up.ticks.forEach(([value, text]) => {
      const at = fixed(up.place(value));
      element("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: at, y2: at }, svg);
      element("text", { class: "tick side", x: LEFT - 8, y: at + 4 }, svg, text);
    });
    let last = -Infinity;
    across.ticks.forEach(([value, text]) => {
      const at = fixed(across.place(value));
      element("line", { class: "grid", x1: at, x2: at, y1: TOP, y2: height - FOOT }, svg);
      if (at - last < 7 * text.length + 10) return;
      last = at;
      element("text", { class: "tick", x: at, y: height - FOOT + 17 }, svg, text);
    });
    points.forEach((point) => { point.at = [fixed(across.place(point.x.v)), fixed(up.place(point.y.v))]; });
    if (best.length) {
      const path = best.map((point, i) => (i ? "H" + point.at[0] : "") + "V" + point.at[1]).join("");
      const d = "M" + best[0].at[0] + " " + (y.better === "lower" ? TOP : height - FOOT) + path + "H" + (x.better === "lower" ? width - RIGHT : LEFT);
      element("path", { class: "pareto", d }, svg);
    }
    element("g", { class: "guides" }, svg);
    if (state.bars) {
      points.forEach((point) => {
        let d = "";
        if (point.x.lo !== null && point.x.hi !== null) d += "M" + fixed(across.place(point.x.lo)) + " " + point.at[1] + "H" + fixed(across.place(point.x.hi));
        if (point.y.lo !== null && point.y.hi !== null) d += "M" + point.at[0] + " " + fixed(up.place(point.y.lo)) + "V" + fixed(up.place(point.y.hi));
        if (d) element("path", { class: "error-bar " + (palette.css === "s" ? "s" + palette.of(point) : "s7"), d }, svg);
      });
    }
    points.forEach((point) => {
      const scale = fixed(10 * size.of(point)) / 10;
      point.mark = element("path", {
        class: cssOf(palette, point) + (state.m.includes(point.key) ? " picked" : ""),
        d: "M0 0" + data.markers[palette.of(point) % data.markers.length],
        transform: "translate(" + point.at[0] + " " + point.at[1] + ") scale(" + scale + ")",
        "data-key": point.key,
        "vector-effect": "non-scaling-stroke",
      }, svg);
      point.radius = 6 * scale;
    });
    element("g", { class: "names" }, svg);
    const good = (field) => field.better ? " · " + field.better + " is better" : "";
    const fit = (field, room) => [axisName(field) + good(field), axisName(field), named(field)].find((text) => 6.4 * text.length < room) || named(field);
    element("text", { class: "axis", x: 2, y: 14 }, svg, fit(y, width - 4));
    element("text", { class: "axis end", x: width - RIGHT, y: height - 8 }, svg, fit(x, width - RIGHT));
  }

  /* Names of the front, the picked and the one under the pointer, wherever they find room. */
  function label() {
    const layer = canvas.querySelector(".names"), guides = canvas.querySelector(".guides");
    if (!layer) return;
    layer.replaceChildren();
    guides.replaceChildren();
    const { points, best, height } = view;
    const taken = points.map((point) => [point.at[0] - point.radius, point.at[1] - point.radius, point.at[0] + point.radius, point.at[1] + point.radius]);
    const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
    const steps = [];
    best.forEach((point, i) => {
      const [x, y] = point.at, [fromX, fromY] = i ? best[i - 1].at : [x, view.y.better === "lower" ? TOP : height - FOOT];
      steps.push([Math.min(x, fromX), fromY - 1, Math.max(x, fromX), fromY + 1], [x - 1, Math.min(y, fromY), x + 1, Math.max(y, fromY)]);
    });
    const picked = points.filter((point) => state.m.includes(point.key));
    const wanted = [...new Set([...(hovered ? [hovered] : []), ...picked, ...best])];
    wanted.forEach((point) => {
      const name = short(point.name), length = lengthOf(name);
      const [x, y] = point.at, r = point.radius + 4;
      const spots = [[-r - length + 2, -r + 3], [r - 2, -r + 3], [-length / 2, -r], [r, 4], [-r - length, 4], [r - 2, r + 6], [-length / 2, r + 9]];
      const free = spots.map(([dx, dy]) => [x + dx, y + dy, [x + dx, y + dy - 10, x + dx + length, y + dy + 3]])
        .filter(([, , box]) => box[0] > LEFT - 4 && box[2] < width && box[1] > TOP - 12 && box[3] < height - FOOT);
      const clear = free.filter(([, , box]) => !taken.some((other) => overlap(box, other)));
      const spot = clear.find(([, , box]) => !steps.some((step) => overlap(box, step))) || clear[0] || (point === hovered ? free[0] || [Math.max(0, Math.min(x + r, width - length)), y - r] : null);
      if (!spot) return;
      element("text", { class: "at", x: fixed(spot[0]), y: fixed(spot[1]) }, layer, name);
      if (spot[2]) taken.push(spot[2]);
    });
    points.forEach((point) => point.mark.classList.toggle("on", point === hovered));
    if (hovered) {
      element("path", { class: "guide", d: "M" + LEFT + " " + hovered.at[1] + "H" + hovered.at[0] + "V" + (height - FOOT) }, guides);
    }
  }
  const pen = document.createElement("canvas").getContext("2d");
  if (pen) pen.font = "12px " + window.getComputedStyle(document.body).fontFamily;
  function lengthOf(text) {
    return pen ? pen.measureText(text).width : 6.6 * text.length;
  }
  const short = (name) => { const letters = [...name]; return letters.length > 34 ? letters.slice(0, 33).join("") + "…" : name; };

  /* Words: what there is, and what is not there and why. */
  const count = (n, noun) => n + " " + noun + (n === 1 ? "" : "s");
  function words() {
    const { points, best, perhaps, x, y } = view;
    if (!points.length) return "No point has both values.";
    const vague = [x, y].find((field) => !field.better);
    const about = best.length ? " On the front: " + best.map((point) => point.name).join(", ") + (perhaps.size ? "; " + perhaps.size + " more perhaps." : ".")
      : vague ? " No front: of " + title(vague.label) + " neither direction is better." : "";
    return count(points.length, "point") + "." + about;
  }
  function say() {
    const { sorted, x, y } = view, note = byId("scatter-note"), field = { x, y };
    const warnings = sorted.refused.map((axis) => field[axis].label + " has no value above 0, so its axis is not logarithmic.");
    if (sorted.noLog.length) {
      warnings.push(count(sorted.noLog.length, "point") + " of 0 or less " + (sorted.noLog.length === 1 ? "has" : "have") + " no place on a logarithmic axis: " +
        sorted.noLog.map(([point, axes]) => point.name + " (" + axes.map((axis) => field[axis].label + " " + show(field[axis], point[axis].v)).join(", ") + ")").join(", ") + ".");
    }
    note.textContent = words();
    warnings.forEach((text) => {
      const span = document.createElement("span");
      span.className = "warns";
      span.textContent = text;
      note.appendChild(span);
    });
    const left = byId("left-out"), missing = sorted.undefinedOnes;
    left.hidden = !missing.length;
    left.querySelector("summary").textContent = missing.length + " without a place in the picture";
    left.querySelector("ul").replaceChildren(...missing.map(([point, axes]) => {
      const item = document.createElement("li");
      item.textContent = point.name + ": " + axes.map((axis) => field[axis].label).join(" and ") + (axes.length > 1 ? " are" : " is") + " undefined";
      return item;
    }));
  }
  function glyph(css, marker) {
    const svg = element("svg", { class: "swatch small", viewBox: "0 0 12 12", "aria-hidden": "true", focusable: "false" });
    element("path", { class: css, d: "M6 6" + marker }, svg);
    return svg;
  }
  function drawLegend() {
    const { palette, size } = view, box = figure.querySelector(".legend-box");
    const found = [];
    const add = (tag, css, text) => { const made = document.createElement(tag); made.className = css; made.textContent = text; found.push(made); return made; };
    if (palette.legend.length > 1) {
      add("p", "legend-title", palette.title);
      const list = add("ul", "keys", "");
      palette.legend.forEach((text, k) => {
        const item = document.createElement("li");
        const css = palette.css === "s" ? "point s" + k : text === NOT_SAID ? "point s7" : "point r" + k;
        item.append(glyph(css, data.markers[k % data.markers.length]), text);
        list.appendChild(item);
      });
    }
    if (size.title) add("p", "legend-title", size.title);
    box.replaceChildren(...found);
  }
  function cell(field, value) {
    const td = document.createElement("td");
    td.className = "num";
    td.append(show(field, value.v));
    if (value.lo !== null && value.hi !== null) {
      const span = document.createElement("span");
      span.className = "interval";
      span.textContent = show(field, value.lo) + "–" + show(field, value.hi);
      td.append(" ", span);
    }
    return td;
  }
  function drawTable() {
    const { x, y, points, best, perhaps, palette } = view, table = byId("points");
    table.caption.firstElementChild.textContent = "The points, " + (y.better ? "best " : "highest ") + y.label + " first.";
    const heads = table.tHead.rows[0].cells;
    [[heads[1], y], [heads[2], x]].forEach(([head, field]) => {
      const unit = document.createElement("span");
      unit.className = "unit";
      unit.textContent = [field.unit, apart(x, y) ? field.table.set : ""].filter(Boolean).join(" · ");
      head.replaceChildren(field.label, unit);
    });
    table.tBodies[0].replaceChildren(...points.map((point) => {
      const row = document.createElement("tr"), head = document.createElement("th");
      const pick = document.createElement("button"), link = document.createElement("a");
      head.scope = "row";
      pick.type = "button";
      pick.className = "pick";
      pick.setAttribute("aria-label", "Mark " + point.name);
      pick.appendChild(glyph(cssOf(palette, point), data.markers[palette.of(point) % data.markers.length]));
      link.href = "models/" + encodeURIComponent(data.models[point.model].key) + ".html";
      link.textContent = point.name;
      const both = document.createElement("span");
      both.className = "named";
      both.append(pick, link);
      head.append(both);
      if (point.ref) {
        const said = document.createElement("span");
        said.className = "variant";
        said.textContent = "reference";
        both.append(said);
      }
      const front = document.createElement("td");
      front.textContent = best.includes(point) ? "on it" : perhaps.has(point) ? "perhaps" : "";
      row.append(head, cell(y, point.y), cell(x, point.x), front);
      pick.addEventListener("click", () => toggle(point));
      pick.addEventListener("focus", () => hover(point));
      pick.addEventListener("blur", () => hover(null));
      row.addEventListener("pointerenter", () => hover(point));
      row.addEventListener("pointerleave", () => hover(null));
      Object.assign(point, { row, pick });
      return row;
    }));
    markPicked();
  }
  function markPicked() {
    view.points.forEach((point) => {
      const on = state.m.includes(point.key);
      point.row.classList.toggle("picked", on);
      point.pick.setAttribute("aria-pressed", String(on));
      if (point.mark) point.mark.classList.toggle("picked", on);
    });
  }
  function toggle(point) {
    state.m = state.m.includes(point.key) ? state.m.filter((key) => key !== point.key) : [...state.m, point.key];
    markPicked();
    label();
    writeState();
  }
  function hover(point) {
    if (point === hovered) return;
    if (hovered) hovered.row.classList.remove("on");
    hovered = point;
    if (point) point.row.classList.add("on");
    label();
  }
  function nearest(event) {
    const svg = canvas.querySelector("svg"), box = svg.getBoundingClientRect(), scale = width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let found = null, least = NEAR;
    view.points.forEach((point) => {
      const far = Math.hypot(point.at[0] - x, point.at[1] - y);
      if (far < least) { least = far; found = point; }
    });
    return found;
  }

  /* The address: defaults left out, unknown values ignored. */
  function readState() {
    const params = new URLSearchParams(window.location.search);
    const known = (key) => fields.has(key) ? key : null;
    state = { ...START, x: known(params.get("x")) || START.x, y: known(params.get("y")) || START.y, m: [] };
    const colour = params.get("c"), size = params.get("s");
    if (colour === NONE || kinds.has(colour) || fields.has(colour)) state.c = colour;
    if (fields.has(size)) state.s = size;
    ["xlog", "ylog"].forEach((name) => {
      const told = params.get(name);
      if (told === "0" || told === "1") state[name] = told === "1";
    });
    state.bars = params.get("bars") !== "off";
    state.refs = params.get("refs") === "on";
    const keys = new Set(makePoints().map((point) => point.key));
    state.m = [...new Set(params.getAll("m"))].filter((key) => keys.has(key)).slice(0, 50);
  }
  function writeState() {
    const params = new URLSearchParams();
    ["x", "y", "c", "s"].forEach((name) => { if (state[name] !== START[name]) params.set(name, state[name]); });
    ["x", "y"].forEach((axis) => {
      const log = state[axis + "log"];
      if (log !== undefined && log !== fields.get(state[axis]).log) params.set(axis + "log", log ? "1" : "0");
    });
    if (!state.bars) params.set("bars", "off");
    if (state.refs) params.set("refs", "on");
    state.m.forEach((key) => params.append("m", key));
    const query = params.toString();
    try {
      window.history.replaceState(null, "", window.location.pathname + (query ? "?" + query : ""));
    } catch (error) {
      /* Some browsers refuse this for pages on disk; the page itself works all the same. */
    }
  }

  /* Controls */
  function option(value, text, parent) {
    const made = document.createElement("option");
    made.value = value;
    made.textContent = text;
    parent.appendChild(made);
  }
  function group(text, parent) {
    const made = document.createElement("optgroup");
    made.label = text;
    parent.appendChild(made);
    return made;
  }
  function fillFields(axis, id) {
    const select = byId(axis + "-field");
    select.replaceChildren();
    (id === MODELS ? data.facts : tables.get(id).fields).forEach((field) => option(field.key, named(field), select));
  }
  function fillPoints() {
    const chosen = new Map([["colour", state.c], ["size", state.s]]);
    chosen.forEach((key, id) => {
      const select = byId(id);
      select.replaceChildren();
      option(NONE, "none", select);
      if (id === "colour") data.kinds.forEach((kind) => option(kind.key, kind.label, select));
      data.facts.forEach((field) => option(field.key, field.label, select));
      const shown = new Set([fields.get(state.y).table, fields.get(state.x).table, fields.has(key) ? fields.get(key).table : null]);
      shown.forEach((table) => {
        if (!table) return;
        const inside = group(table.task + ", " + table.set, select);
        table.fields.forEach((field) => option(field.key, named(field), inside));
      });
      select.value = key;
    });
  }
  function showState() {
    ["x", "y"].forEach((axis) => {
      const field = fields.get(state[axis]), id = field.table ? field.table.id : MODELS;
      byId(axis + "-table").value = id;
      fillFields(axis, id);
      byId(axis + "-field").value = field.key;
      byId(axis + "-log").checked = logarithmic(axis);
    });
    byId("bars").checked = state.bars;
    byId("refs").checked = state.refs;
    fillPoints();
    document.querySelectorAll(".presets a").forEach((link) => {
      const here = link.dataset.x === state.x && link.dataset.y === state.y;
      if (here) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
    const x = fields.get(state.x), y = fields.get(state.y);
    const where = (field) => !apart(x, y) ? "" : " (" + (x.table.task === y.table.task ? field.table.set : title(field.table.task)) + ")";
    document.querySelector(".scatter-page h1").textContent = y.label + where(y) + " against " + title(x.label) + where(x);
  }
  function changed() {
    const keys = new Set(makePoints().map((point) => point.key));
    state.m = state.m.filter((key) => keys.has(key));
    showState();
    draw();
    writeState();
  }
  function choose(axis, key) {
    state[axis] = key;
    delete state[axis + "log"];
  }
  function setUp() {
    ["x", "y"].forEach((axis) => {
      const select = byId(axis + "-table");
      data.tables.forEach((table) => option(table.id, table.task + ", " + table.set, select));
      if (data.facts.length) option(MODELS, "About the model", select);
      select.addEventListener("change", () => {
        const label = fields.get(state[axis]).label;
        const offered = select.value === MODELS ? data.facts : tables.get(select.value).fields;
        choose(axis, (offered.find((field) => field.label === label) || offered[0]).key);
        changed();
      });
      byId(axis + "-field").addEventListener("change", (event) => { choose(axis, event.target.value); changed(); });
      byId(axis + "-log").addEventListener("change", (event) => { state[axis + "log"] = event.target.checked; changed(); });
    });
    byId("colour").addEventListener("change", (event) => { state.c = event.target.value; changed(); });
    byId("size").addEventListener("change", (event) => { state.s = event.target.value; changed(); });
    byId("bars").addEventListener("change", (event) => { state.bars = event.target.checked; changed(); });
    byId("refs").addEventListener("change", (event) => { state.refs = event.target.checked; changed(); });
    byId("swap").addEventListener("click", () => {
      const { x, y, xlog, ylog } = state;
      Object.assign(state, { x: y, y: x, xlog: ylog, ylog: xlog });
      changed();
    });
    document.querySelectorAll(".presets a").forEach((link) => link.addEventListener("click", (event) => {
      event.preventDefault();
      choose("x", link.dataset.x);
      choose("y", link.dataset.y);
      changed();
    }));
    canvas.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") hover(nearest(event)); });
    canvas.addEventListener("pointerleave", () => hover(null));
    canvas.addEventListener("click", (event) => { const point = nearest(event); if (point) { toggle(point); hover(point); } });
    byId("save-svg").addEventListener("click", () => save("scatter.svg", "image/svg+xml", picture()));
    byId("save-csv").addEventListener("click", () => save("scatter.csv", "text/csv", csv()));
    if (window.ResizeObserver) {
      new window.ResizeObserver(() => {
        if (Math.abs((canvas.clientWidth || width) - width) < 4) return;
        measure();
        draw();
      }).observe(canvas);
    }
  }

  /* Downloads */
  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: type + ";charset=utf-8" }));
    link.download = name;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
  function guarded(value) {
    if (value === null || value === undefined) return "";
    let text = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  function csv() {
    const { x, y, points, best, perhaps } = view, colour = state.c, size = state.s;
    const heads = (field) => [axisName(field), axisName(field) + ", low", axisName(field) + ", high"];
    const more = [...new Set([colour, size])].filter((key) => key !== NONE);
    const nameOf = (key) => kinds.has(key) ? kinds.get(key).label : axisName(fields.get(key));
    const lines = [["name", "model", ...heads(y), ...heads(x), "front", ...more.map(nameOf)]];
    points.forEach((point) => lines.push([
      point.name, data.models[point.model].key, point.y.v, point.y.lo, point.y.hi, point.x.v, point.x.lo, point.x.hi,
      best.includes(point) ? "on it" : perhaps.has(point) ? "perhaps" : point.ref ? "reference" : "no",
      ...more.map((key) => lookUp(key, point)),
    ]));
    return lines.map((line) => line.map(guarded).join(",")).join("\n") + "\n";
  }
  const DRAWN = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "font-family", "font-size", "text-anchor", "paint-order"];
  function plainColour(value) {
    const parts = /^color\(srgb ([\d.e-]+) ([\d.e-]+) ([\d.e-]+)/.exec(value);
    return parts ? "rgb(" + parts.slice(1).map((part) => Math.round(255 * part)).join(",") + ")" : value;
  }
  function resolve(from, to) {
    const style = window.getComputedStyle(from);
    DRAWN.forEach((name) => {
      const value = style.getPropertyValue(name);
      if (value && value !== "none" || name === "fill") to.setAttribute(name, plainColour(value));
    });
    to.removeAttribute("class");
    to.removeAttribute("data-key");
    Array.from(from.children).forEach((child, i) => resolve(child, to.children[i]));
  }
  /* The picture on its own: colours as numbers, a ground, the legend below. */
  function picture() {
    const svg = canvas.querySelector("svg"), copy = svg.cloneNode(true);
    resolve(svg, copy);
    const lines = Array.from(figure.querySelectorAll(".keys li"));
    const above = view.height || 320, height = above + 20 * lines.length + (lines.length ? 26 : 4);
    copy.setAttribute("xmlns", SVG);
    copy.setAttribute("viewBox", "0 0 " + width + " " + height);
    copy.setAttribute("width", String(width));
    copy.setAttribute("height", String(height));
    const style = window.getComputedStyle(document.body), font = { "font-family": style.fontFamily, "font-size": "12px", fill: style.color };
    copy.prepend(element("rect", { width, height, fill: plainColour(style.backgroundColor) }));
    if (lines.length) element("text", { x: LEFT, y: above + 12, ...font }, copy, view.palette.title);
    lines.forEach((line, i) => {
      const mark = line.querySelector("path"), twin = mark.cloneNode();
      resolve(mark, twin);
      twin.setAttribute("transform", "translate(" + (LEFT + 2) + " " + (above + 20 + 20 * i) + ")");
      copy.appendChild(twin);
      element("text", { x: LEFT + 20, y: above + 30 + 20 * i, ...font }, copy, line.textContent);
    });
    return new XMLSerializer().serializeToString(copy);
  }

  ["tabindex", "role", "aria-label"].forEach((name) => canvas.removeAttribute(name)); /* it needs no scrolling now */
  measure();
  readState();
  setUp();
  showState();
  draw();
  document.documentElement.setAttribute("data-scatter", "ready");
})();
