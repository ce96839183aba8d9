/* Two to four models of a table: headline values, paired differences, and the materials that make them. The data of a
   table is a script of its own, so that it also loads from disk. */
(() => {
  "use strict";
  const MOST = 4, SHOWN = 20;
  const LETTERS = "ABCD";
  const tables = document.getElementById("compare-table");
  if (!tables) return;
  const selects = [0, 1, 2, 3].map((i) => document.getElementById(`compare-${i}`));
  const said = document.getElementById("compare-said");
  const place = document.getElementById("compared");
  const known = new Map();
  const state = { table: "", models: [], pair: [] };
  let data = null;

  /* Elements: never from text that is read as markup. */
  function make(name, attributes, ...children) {
    const svg = ["svg", "path", "line", "text", "g", "title", "a:svg"].includes(name);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name.split(":")[0]) : document.createElement(name);
    Object.entries(attributes || {}).forEach(([key, value]) => value !== null && made.setAttribute(key, value));
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }
  const cell = (text, more) => make("td", { class: "num", ...more }, text);
  const head = (text, unit, number) =>
    make("th", { scope: "col", class: number ? "num" : null }, text, unit ? make("span", { class: "unit" }, unit) : null);
  function tableOf(id, caption, heads, rows, kind) {
    return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-labelledby": id },
      make("table", { class: `sheet answers ${kind || ""}` },
        make("caption", { id }, make("span", {}, ...caption)),
        make("thead", {}, make("tr", {}, ...heads)),
        make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells)))));
  }
  const letter = (i) => make("span", { class: `letter letter-${i}` }, LETTERS[i]);

  /* Numbers as the other pages print them. */
  const minus = (text) => text.replace("-", "−");
  const fixed = (value) => {
    const { percent, decimals } = data.metric;
    return value === null ? "–" : minus((percent ? 100 * value : value).toFixed(decimals));
  };
  const signed = (text, value) => (value > 0 ? `+${text}` : text);
  const short = (value, digits) => (value === null || value === undefined ? "–" : minus(String(Number(value.toPrecision(digits || 3)))));
  /* With the same decimals in a whole table: three digits of a small largest number. */
  function aligned(values) {
    const largest = Math.max(...values.filter((value) => value !== null && value !== undefined).map(Math.abs), 1e-12);
    const places = largest >= 100 ? 1 : largest >= 1 ? 3 : Math.min(8, 2 - Math.floor(Math.log10(largest)));
    return (value) => (value === null || value === undefined ? "–" : minus((Math.abs(value) < 0.5 * 10 ** -places ? 0 : value).toFixed(places)));
  }
  const pText = (p) => (p === null ? "–" : p < 0.001 ? "< 0.001" : p < 0.1 ? p.toFixed(3) : p.toFixed(2));
  const unitOf = ({ label, unit }) => (unit ? `${label}, ${unit}` : label);
  const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

  /* What one row says of each material. */
  function valuesOf(entry) {
    const row = data.answers && data.answers.rows[entry];
    return row ? row.value || row.error : null;
  }
  function errorsOf(entry) {
    const { rows, truth } = data.answers, row = rows[entry];
    return row.error || row.value.map((value, i) => (value === null || truth[i] === null ? null : value - truth[i]));
  }
  const shownName = () => (data.answers.what ? data.answers.what : data.answers.error);
  const elementsOf = (i) => {
    const formula = data.answers.formulas && data.answers.formulas[i];
    return formula ? [...new Set(formula.match(/[A-Z][a-z]?/g) || [])] : [];
  };
  const hrefOf = (i) => `../${data.answers.pages[i].split("/").map(encodeURIComponent).join("/")}`;
  function named(i) {
    const { ids, pages } = data.answers;
    return pages && pages[i] ? make("a", { href: hrefOf(i) }, ids[i]) : ids[i];
  }

  /* The address: table, models, and the pair that is looked at. Whatever is not known there is passed over. */
  function read() {
    const asked = new URLSearchParams(window.location.search);
    const ids = [...tables.options].map((option) => option.value);
    state.table = ids.includes(asked.get("t")) ? asked.get("t") : ids[0];
    state.models = (asked.get("m") || "").split(",").filter(Boolean);
    state.pair = (asked.get("d") || "").split(",").filter(Boolean);
  }
  function write() {
    const view = new URLSearchParams();
    if (state.table !== tables.options[0].value) view.set("t", state.table);
    if (state.models.join() !== first().join()) view.set("m", state.models.join());
    if (state.pair.join() !== state.models.slice(0, 2).join()) view.set("d", state.pair.join());
    const query = view.toString();
    try {
      window.history.replaceState(null, "", window.location.pathname + (query ? `?${query}` : "") + window.location.hash);
    } catch (error) {
      /* Some browsers refuse this for files; the page works without. */
    }
  }
  const first = () => data.models.slice(0, 2).map((model) => model.entry);
  const model = (entry) => data.models.find((one) => one.entry === entry);
  function check() {
    const entries = data.models.map((one) => one.entry);
    state.models = [...new Set(state.models)].filter((entry) => entries.includes(entry)).slice(0, MOST);
    if (state.models.length < 2) state.models = first();
    state.pair = state.pair.filter((entry) => state.models.includes(entry));
    if (new Set(state.pair).size !== 2) state.pair = state.models.slice(0, 2);
  }

  function load(id, then) {
    if (known.has(id)) return then(known.get(id));
    said.textContent = "Loading…";
    const script = make("script", { src: `data/${encodeURIComponent(id)}.js` });
    script.addEventListener("load", () => {
      const found = window.matdiscCompare;
      if (!found || found.id !== id) return failed(id);
      known.set(id, found);
      then(found);
    });
    script.addEventListener("error", () => failed(id));
    document.head.append(script);
    return null;
  }
  function failed(id) {
    said.textContent = `The file data/${id}.js, which belongs beside this page, cannot be read.`;
    place.replaceChildren();
  }

  function choose() {
    tables.value = state.table;
    selects.forEach((select, i) => {
      const options = data.models.map((one) => make("option", { value: one.entry }, one.name));
      options.forEach((option) => { option.disabled = state.models.includes(option.value) && option.value !== state.models[i]; });
      select.replaceChildren(...(i > 1 ? [make("option", { value: "" }, "none")] : []), ...options);
      select.value = state.models[i] || "";
      select.disabled = i > state.models.length || data.models.length <= i;
    });
  }
  function show(found) {
    data = found;
    check();
    choose();
    write();
    const parts = [make("div", { class: "tops" }, headline(), data.p ? differences() : null)];
    const both = data.answers && state.models.filter((entry) => data.answers.rows[entry]);
    if (both && both.length > 1) {
      if (!state.pair.every((entry) => both.includes(entry))) state.pair = both.slice(0, 2);
      parts.push(detail(both));
    }
    place.replaceChildren(...parts);
    said.textContent = verdict();
  }

  function pairsOf() {
    const at = state.models.map((entry) => data.models.findIndex((one) => one.entry === entry));
    return at.flatMap((a, i) => at.slice(i + 1).map((b, j) => {
      const p = data.p ? data.p[Math.max(a, b)][Math.min(a, b)] : null;
      return { i, j: i + 1 + j, a: data.models[a], b: data.models[b], p, apart: p !== null && p <= 0.05 };
    }));
  }
  function verdict() {
    if (!data.p) return "No paired comparison of these rows has been made.";
    const pairs = pairsOf();
    if (pairs.length > 1) {
      const n = pairs.filter((pair) => pair.apart).length;
      return `${n === 0 ? "None" : n === pairs.length ? "All" : n} of the ${pairs.length} pairs ${n < 2 ? "is" : "are"} told apart.`;
    }
    const [{ a, b, p, apart }] = pairs;
    if (!apart) return `${a.name} and ${b.name} cannot be told apart: p = ${pText(p)}.`;
    const better = (a.value > b.value) === (data.metric.better !== "lower") ? [a, b] : [b, a];
    return `${better[0].name} is better than ${better[1].name}: p ${p < 0.001 ? "" : "= "}${pText(p)}.`;
  }

  /* Headline values with their intervals, as numbers and as bars on one scale. */
  function headline() {
    const rows = state.models.map(model);
    const ends = rows.flatMap((row) => [row.low, row.high, row.value]).filter((value) => value !== null);
    const low = Math.min(...ends), span = Math.max(...ends) - low || 1;
    const x = (value) => (4 + 192 * (value - low) / span).toFixed(1);
    const bar = (row, i) => make("svg", { viewBox: "0 0 200 16", class: `interval-bar s${i}`, "aria-hidden": "true", width: "200", height: "16" },
      row.low === null || row.high === null ? null : make("line", { x1: x(row.low), x2: x(row.high), y1: "8", y2: "8" }),
      make("path", { d: `M${x(row.value)} 8m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z` }));
    const caption = [`${data.metric.label} with 95 % intervals`];
    return tableOf("cap-headline", caption,
      [head("Model"), head(data.metric.label, data.metric.unit, true), head("Interval", "", true), make("td", { class: "bars" }), head("Rank", "", true)],
      rows.map((row, i) => [
        make("th", { scope: "row" }, letter(i), " ", make("a", { href: `../models/${encodeURIComponent(row.model)}.html` }, row.name)),
        cell(fixed(row.value)), cell(row.low === null ? "–" : `${fixed(row.low)}–${fixed(row.high)}`),
        make("td", { class: "bars" }, bar(row, i)),
        cell(row.rank || "–"),
      ]));
  }
  function differences() {
    const least = data.detectable === null ? [] : [` Smallest difference that neighbours could show: ${fixed(data.detectable)}.`];
    return tableOf("cap-differences", ["Paired differences, p-values corrected over all pairs of the table.", ...least],
      [head("Pair"), head(`Difference in ${data.metric.label}`, data.metric.unit, true), head("p", "", true), head("Told apart")],
      pairsOf().map(({ i, j, a, b, p, apart }) => [
        make("th", { scope: "row" }, letter(i), " − ", letter(j)), cell(signed(fixed(a.value - b.value), a.value - b.value)),
        cell(pText(p)), make("td", {}, p === null ? "–" : make("span", { class: apart ? "mark-right" : "mark-none" }, apart ? "yes" : "no")),
      ]));
  }

  /* Material by material: one pair of the chosen ones. */
  function detail(both) {
    const { answers } = data, [x, y] = state.pair;
    const numbers = state.pair.map((entry) => state.models.indexOf(entry));
    const judged = Boolean(answers.rows[x].right && answers.rows[y].right);
    const points = answers.ids.map((id, i) => ({ i, x: valuesOf(x)[i], y: valuesOf(y)[i], kind: judged ? kindOf(x, y, i) : "none" }));
    const title = make("h2", { id: "h-detail" }, "Material by material: ", letter(numbers[0]), " and ", letter(numbers[1]));
    const section = make("section", { "aria-labelledby": "h-detail" }, title);
    if (both.length > 2) section.append(pairPicker(both));
    section.append(make("p", { class: "text-width" }, judged ? flipText(points, numbers) : nearText(x, y, numbers)));
    if (answers.of > answers.fair) {
      section.append(make("p", { class: "legend" }, `Counted on a sample of ${answers.fair.toLocaleString("en")} of ${answers.of.toLocaleString("en")} materials that depends on their ids alone.`));
    }
    const table = judged ? flipTable(points, numbers) : nearTable(x, y, numbers);
    section.append(make("div", { class: "side-by-side" }, parity(points, numbers, judged), table));
    section.append(...[apart(both)].filter(Boolean));
    return section;
  }
  function pairPicker(both) {
    const choice = (k) => {
      const select = make("select", { autocomplete: "off" }, ...both.map((entry) =>
        make("option", { value: entry }, `${LETTERS[state.models.indexOf(entry)]} ${model(entry).name}`)));
      select.value = state.pair[k];
      select.addEventListener("change", () => {
        const other = state.pair[1 - k] === select.value ? state.pair[k] : state.pair[1 - k];
        state.pair = k ? [other, select.value] : [select.value, other];
        show(data);
        place.querySelectorAll(".pickers select")[k].focus();
      });
      return make("label", {}, k ? "and " : "Look at ", select);
    };
    return make("div", { class: "pickers", role: "group", "aria-label": "Pair to look at" }, choice(0), choice(1));
  }
  /* Right or wrong of both: none where a material is not judged. */
  function kindOf(x, y, i) {
    const [a, b] = [x, y].map((entry) => data.answers.rows[entry].right[i]);
    if (a === "-" || b === "-") return "open";
    return a === "1" ? (b === "1" ? "both" : "first") : b === "1" ? "second" : "neither";
  }
  const inSample = (point) => point.i < data.answers.fair;
  const count = (points, kind) => points.filter((point) => inSample(point) && point.kind === kind).length;
  function flipText(points, [a, b]) {
    return `Only ${LETTERS[a]} is right for ${plural(count(points, "first"), "material")}, only ${LETTERS[b]} for ${count(points, "second").toLocaleString("en")}; both are wrong for ${count(points, "neither").toLocaleString("en")}.${data.answers.right ? ` Judged by: ${data.answers.right.toLowerCase()}.` : ""}`;
  }
  /* Counts by element, the largest sum or difference first. */
  function byElement(take, keys, order) {
    const found = new Map();
    for (let i = 0; i < data.answers.fair; i += 1) {
      const key = take(i);
      if (!keys.includes(key)) continue;
      elementsOf(i).forEach((element) => {
        if (!found.has(element)) found.set(element, Object.fromEntries(keys.map((name) => [name, 0])));
        found.get(element)[key] += 1;
      });
    }
    return [...found].sort((one, two) => order(two[1]) - order(one[1]) || (one[0] < two[0] ? -1 : 1));
  }
  function elementTable(id, caption, names, rows, keys) {
    if (!rows.length) return null;
    return tableOf(id, [caption], [head("Element"), ...names.map((name) => head(name, "", true)), head("Net", "", true)],
      rows.map(([element, counts]) => {
        const net = counts[keys[1]] - counts[keys[0]];
        return [make("th", { scope: "row" }, element), ...keys.map((key) => cell(String(counts[key]))), cell(signed(minus(String(net)), net))];
      }), "tall");
  }
  function flipTable(points, [a, b]) {
    const rows = byElement((i) => points[i].kind, ["first", "second"], (counts) => counts.first + counts.second);
    return elementTable("cap-elements", "Materials that change sides, by element, the most first",
      [`Only ${LETTERS[a]} right`, `Only ${LETTERS[b]} right`], rows, ["first", "second"]);
  }
  function nearer(x, y) {
    const [one, other] = [errorsOf(x), errorsOf(y)];
    return (i) => {
      if (one[i] === null || other[i] === null) return "none";
      const difference = Math.abs(one[i]) - Math.abs(other[i]);
      return difference < 0 ? "first" : difference > 0 ? "second" : "equal";
    };
  }
  function nearText(x, y, [a, b]) {
    const kind = nearer(x, y), found = { first: 0, second: 0, equal: 0, none: 0 };
    for (let i = 0; i < data.answers.fair; i += 1) found[kind(i)] += 1;
    const rest = found.equal ? `; ${plural(found.equal, "tie")}` : "";
    return `The error of ${LETTERS[a]} is smaller for ${plural(found.first, "material")}, that of ${LETTERS[b]} for ${found.second.toLocaleString("en")}${rest}.`;
  }
  function nearTable(x, y, [a, b]) {
    const rows = byElement(nearer(x, y), ["first", "second"], (counts) => Math.abs(counts.first - counts.second));
    return elementTable("cap-elements", "Whose error is smaller, by element, the clearest first",
      [`${LETTERS[a]} smaller`, `${LETTERS[b]} smaller`], rows, ["first", "second"]);
  }

  /* One model's numbers against the other's. The axes hold 98 % of the points; what lies beyond is drawn at the edge. */
  const SIZE = 420, LEFT = 58, FOOT = 46, TOP = 12;
  const CROWD = 400; /* more points of a kind are heaped into a few paths, without names: each its own would take long to draw */
  const MARKS = {
    both: "m-2 0a2 2 0 1 0 4 0a2 2 0 1 0 -4 0z", open: "m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0 -3 0z", none: "m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0 -5.2 0z",
    first: "m-3.6 -3.6h7.2v7.2h-7.2z", second: "m0 -4.9l4.7 8.2h-9.4z",
    neither: "m-3.4 -3.4l6.8 6.8m0 -6.8l-6.8 6.8",
  };
  function scale(values) {
    const sorted = values.filter((value) => value !== null).sort((one, two) => one - two);
    const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
    const small = sorted.length < 60;
    const positive = sorted.filter((value) => value > 0);
    const log = !data.answers.what && !data.answers.signed && positive.length > 9 && at(0.98) > 100 * positive[0] && sorted[0] >= 0;
    let [low, high] = small ? [sorted[0], sorted[sorted.length - 1]] : [at(0.01), at(0.99)];
    if (log) {
      low = Math.log10(at(0.01) > 0 ? at(0.01) : positive[0]);
      high = Math.log10(high);
    }
    const pad = (high - low) * 0.04 || Math.abs(high) * 0.1 || 1;
    return { low: low - pad, high: high + pad, log };
  }
  function ticksOf({ low, high, log }) {
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = log ? Math.max(1, Math.round(rough)) : [1, 2, 5, 10].find((k) => k * power >= rough) * power;
    const found = [];
    for (let k = Math.ceil(low / step); k * step <= high; k += 1) found.push(k * step);
    return found.map((value) => [value, log ? short(10 ** value, 1) : minus(String(Number(value.toPrecision(6))))]);
  }
  function parity(points, numbers, judged) {
    const there = points.filter((point) => point.x !== null && point.y !== null);
    const name = shownName(), letters = numbers.map((i) => LETTERS[i]);
    const figure = make("figure", { class: "chart plot parity" });
    if (!there.length) {
      figure.append(make("figcaption", {}, "No material has an answer of both."));
      return figure;
    }
    const axis = scale(there.flatMap((point) => [point.x, point.y]));
    const length = SIZE - LEFT - TOP;
    const share = (value) => ((axis.log ? Math.log10(Math.max(value, 1e-12)) : value) - axis.low) / (axis.high - axis.low);
    const clip = (part) => Math.min(Math.max(part, 0), 1);
    const px = (value) => LEFT + length * clip(share(value));
    const py = (value) => TOP + length * (1 - clip(share(value)));
    const beyond = there.filter((point) => [point.x, point.y].some((value) => share(value) < 0 || share(value) > 1)).length;
    const bottom = TOP + length, tickShare = (value) => (value - axis.low) / (axis.high - axis.low);
    const grid = ticksOf(axis).flatMap(([value, text]) => {
      const x = LEFT + length * tickShare(value), y = TOP + length * (1 - tickShare(value));
      return [
        make("line", { class: "rule", x1: x, x2: x, y1: TOP, y2: bottom }), make("line", { class: "rule", x1: LEFT, x2: LEFT + length, y1: y, y2: y }),
        make("text", { class: "tick", x, y: bottom + 16, "text-anchor": "middle" }, text), make("text", { class: "tick", x: LEFT - 7, y: y + 4, "text-anchor": "end" }, text),
      ];
    });
    const spot = (point) => `M${px(point.x).toFixed(1)} ${py(point.y).toFixed(1)}${MARKS[point.kind]}`;
    const order = ["open", "none", "both", "neither", "first", "second"];
    const marks = order.map((kind) => {
      const some = there.filter((point) => point.kind === kind);
      const heaps = some.length > CROWD ? Array.from({ length: 25 }, (_, k) => some.filter((point, i) => i % 25 === k)) : [];
      const made = heaps.length ? heaps.map((heap) => make("path", { d: heap.map(spot).join("") })) : some.map(mark);
      return make("g", { class: `p-${kind}` }, ...made);
    });
    function mark(point) {
      const { ids, pages } = data.answers, i = point.i;
      const made = make("path", { d: spot(point) }, make("title", {}, `${ids[i]}: ${letters[0]} ${short(point.x)}, ${letters[1]} ${short(point.y)}`));
      return pages && pages[i] ? make("a:svg", { href: hrefOf(i), tabindex: "-1" }, made) : made;
    }
    const label = `${unitOf(name)}: ${letters[1]} against ${letters[0]}, ${plural(there.length, "material")}`;
    figure.append(make("svg", { viewBox: `0 0 ${SIZE} ${bottom + FOOT}`, role: data.answers.pages ? "group" : "img", "aria-label": label }, ...grid,
      make("path", { class: "diagonal", d: `M${LEFT} ${bottom}L${LEFT + length} ${TOP}` }), ...marks,
      make("text", { class: "axis", x: LEFT + length, y: bottom + 36, "text-anchor": "end" }, `${letters[0]}: ${unitOf(name)}`),
      make("text", { class: "axis", x: 14, y: TOP, "text-anchor": "end", transform: `rotate(-90 14 ${TOP})` }, `${letters[1]}: ${unitOf(name)}`)));
    const words = { both: "both right", first: `only ${letters[0]} right`, second: `only ${letters[1]} right`, neither: "both wrong", open: "not judged" };
    const kinds = judged ? ["first", "second", "neither", "both", "open"].filter((kind) => there.some((point) => point.kind === kind)) : [];
    figure.append(make("ul", { class: "keys" }, ...kinds.map((kind) => make("li", {},
      make("svg", { viewBox: "-8 -8 16 16", width: "14", height: "14", class: "swatch small", "aria-hidden": "true" }, make("g", { class: `p-${kind}` }, make("path", { d: `M0 0${MARKS[kind]}` }))),
      words[kind]))));
    if (beyond) figure.append(make("figcaption", { class: "legend" }, `${plural(beyond, "material")} beyond the frame, drawn at its edge.`));
    return figure;
  }

  /* The materials on which the chosen models differ most. */
  function apart(both) {
    const { answers } = data, name = shownName(), columns = both.map(valuesOf);
    const rows = answers.ids.map((id, i) => {
      const given = columns.map((column) => column[i]).filter((value) => value !== null);
      return { i, spread: given.length > 1 ? Math.max(...given) - Math.min(...given) : -1 };
    }).filter((row) => row.spread > 0).sort((one, two) => two.spread - one.spread || one.i - two.i).slice(0, SHOWN);
    if (!rows.length) return null;
    const formulas = answers.formulas && rows.some(({ i }) => answers.formulas[i] && answers.formulas[i] !== answers.ids[i]);
    const truths = answers.what && answers.truth;
    const text = aligned(rows.flatMap(({ i }) => columns.map((column) => column[i])));
    const signs = (entry, i) => {
      const right = answers.rows[entry].right, mark = right && right[i];
      return mark === "1" ? make("span", { class: "mark-right" }, make("span", { class: "unseen" }, "right ")) : mark === "0" ? make("span", { class: "mark-wrong" }, make("span", { class: "unseen" }, "wrong ")) : null;
    };
    return tableOf("cap-apart", [`The ${rows.length} materials on which they differ most: ${unitOf(name)}`],
      [head("Material"), ...(formulas ? [head("Formula")] : []), ...(truths ? [head("Label", "", true)] : []),
        ...both.map((entry) => make("th", { scope: "col", class: "num" }, letter(state.models.indexOf(entry)), make("span", { class: "unseen" }, ` ${model(entry).name}`))), head("Spread", "", true)],
      rows.map(({ i, spread }) => [
        make("th", { scope: "row" }, named(i)), ...(formulas ? [make("td", {}, answers.formulas[i] || "")] : []),
        ...(truths ? [cell(text(answers.truth[i]))] : []),
        ...both.map((entry, k) => make("td", { class: "num" }, signs(entry, i), text(columns[k][i]))), cell(text(spread)),
      ]));
  }

  tables.addEventListener("change", () => {
    Object.assign(state, { table: tables.value, pair: [] });
    load(state.table, show);
  });
  selects.forEach((select, i) => select.addEventListener("change", () => {
    if (select.value) state.models[i] = select.value;
    else state.models.splice(i, 1);
    show(data);
  }));
  read();
  load(state.table, show);
})();
