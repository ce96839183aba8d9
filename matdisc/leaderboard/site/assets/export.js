/* Taking away what is on screen, loaded when a reader asks for it: the rows and columns shown, in their order. */
(() => {
  "use strict";
  const { all, boards, button, exporter: menu, facts, groups, make, metric, parts, printed, unique } = window.matdisc;

  const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
  const clean = (text) => text.replace(/\s/g, " ").replace(CONTROLS, "").replace(/ +/g, " ").trim();
  const shown = (node) => node && node.getClientRects().length > 0; /* what a switch has hidden has no box */
  /* A number as printed; text where it is none, null where nothing is known. */
  function number(text) {
    const plain = text.replace(/−/g, "-").replace(/(\d),(?=\d{3})/g, "$1").replace(/\s?%$/, "");
    return /^[\s–—·]*$/.test(text) ? null : /^-?\d+(\.\d+)?$/.test(plain) ? plain : clean(text);
  }
  const json = (value) => (value !== null && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value);

  const titleOf = (board) => clean(board.table.caption.textContent).split(/[:.] /)[0];
  /* What a table shows, as data. */
  function view(board) {
    const [first, ...others] = board.columns;
    const columns = [...others].filter(({ here }) => here).sort((a, b) => (b.key === "score") - (a.key === "score") || a.index - b.index)
      .map((column) => {
        const group = groups.find((one) => one.columns.includes(column));
        const unit = column.head.querySelector(".unit");
        return {
          column, key: column.key, label: clean(`${group ? `${group.label}: ` : ""}${column.label}`),
          unit: metric(board, column.key).unit || (unit && number(clean(unit.textContent))) || null,
        };
      });
    const rows = board.shown.map((row) => {
      const name = board.cell(row, first), rank = name.querySelector(".rank:not(.none)");
      return {
        model: row.model, rank: rank ? clean(rank.textContent) : null, reference: row.reference,
        name: [name.querySelector("bdi, a:not(.variant):not(.badge)") || name, ...all(".variant", name)].map((node) => clean(node.textContent))
          .reduce((text, variant) => `${text} (${variant})`),
        flags: all(".badge", name).map((node) => clean(node.textContent)),
        values: columns.map(({ column }) => value(board.cell(row, column))),
      };
    });
    return { board, columns, rows, title: titleOf(board) };
  }
  function value(cell) {
    const found = { value: number(printed(cell)) };
    const interval = cell.querySelector(".interval:not(.published)"), places = cell.querySelector("i");
    const published = cell.querySelector(".published");
    if (shown(interval)) {
      const ends = clean(interval.textContent).split("–").map(number);
      Object.assign(found, { low: ends[0], high: ends[ends.length - 1] });
    }
    if (shown(places)) {
      const ends = clean(places.textContent).replace("°", "").split("–").map(number);
      if (ends[0]) Object.assign(found, { "best place": ends[0], "worst place": ends[ends.length - 1] });
      if (places.textContent.includes("°")) found.entry = "another variant";
    }
    if (shown(published)) found.published = number(clean(published.textContent).replace(/^all: /, "").split(" ")[0]);
    return found;
  }
  const PARTS = ["value", "low", "high", "best place", "worst place", "entry", "published"];
  const partsOf = (what, i) => PARTS.filter((part) => part === "value" || what.rows.some((row) => row.values[i][part] !== undefined));

  /* CSV: text that a spreadsheet would run as a formula begins with '. */
  function field(cell) {
    const text = cell === null || cell === undefined ? "" : String(cell);
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  }
  function csv(what) {
    const head = ["rank", "model", "key", "flags"];
    what.columns.forEach(({ label, unit }, i) => partsOf(what, i).forEach((part) => {
      head.push(`${label}${part === "value" ? "" : ` ${part}`}${unit ? ` [${unit}]` : ""}`);
    }));
    const lines = what.rows.map((row) => [row.rank, row.name, row.model, row.flags.join("; "),
      ...row.values.flatMap((one, i) => partsOf(what, i).map((part) => one[part]))]);
    return [head, ...lines].map((line) => `${line.map(field).join(",")}\n`).join("");
  }
  function toJson(what) {
    const rows = what.rows.map(({ values, ...row }) => ({
      ...row, values: Object.fromEntries(values.map((one, i) => [what.columns[i].key,
        Object.fromEntries(Object.entries(one).map(([part, text]) => [part, json(text)]))])),
    }));
    const columns = what.columns.map(({ key, label, unit }) => ({ key, label, unit }));
    return `${JSON.stringify({ table: what.board.id, title: what.title, columns, rows }, null, 1)}\n`;
  }

  /* LaTeX: every sign with a meaning of its own is escaped, signs without glyph in common fonts are spelt. */
  const SIGNS = {
    "\\": "\\textbackslash{}", "{": "\\textbraceleft{}", "}": "\\textbraceright{}",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}",
    "|": "\\textbar{}", '"': "''", "−": "$-$", "–": "--", "—": "---", "…": "\\ldots{}", "Å": "\\AA{}", "·": "$\\cdot$", "±": "$\\pm$",
    "×": "$\\times$", "≤": "$\\leq$", "≥": "$\\geq$", "²": "$^2$", "³": "$^3$", "⁻": "$^-$", "¹": "$^1$", "κ": "$\\kappa$", "α": "$\\alpha$",
    "μ": "$\\mu$", "µ": "$\\mu$", "ω": "$\\omega$", "σ": "$\\sigma$", "Δ": "$\\Delta$", "₂": "$_2$", "₃": "$_3$", "→": "$\\to$",
  };
  const tex = (text) => text.replace(/[&%$#_]/g, "\\$&")
    .replace(/\\(?![&%$#_])|[{}~^<>|"−–—…Å·±×≤≥²³⁻¹καμµωσΔ₂₃→]/g, (sign) => SIGNS[sign]);
  function latex(what) {
    const cell = (one) => {
      if (one.value === null) return "--";
      const text = tex(one.value.replace(/^-/, "−"));
      const small = [
        one.low && `[${[one.low, one.high].map((end) => tex(end.replace(/^-/, "−"))).join(", ")}]`,
        one["best place"] && unique([one["best place"], one["worst place"]]).join("--"), one.entry && "*", one.published && `all: ${tex(one.published)}`,
      ].filter(Boolean).join(" ");
      return small ? `${text} {\\footnotesize ${small}}` : text;
    };
    const head = ["", "Model", ...what.columns.map(({ label, unit }) => tex(label) + (unit ? ` (${tex(unit)})` : ""))];
    const lines = what.rows.map((row) => [tex(row.rank || ""), tex(row.name), ...row.values.map(cell)]);
    return [
      `% ${what.title}; needs \\usepackage{booktabs}`,
      `\\begin{tabular}{ll${"r".repeat(what.columns.length)}}`, "\\toprule",
      `${head.join(" & ")} \\\\`, "\\midrule", ...lines.map((line) => `${line.join(" & ")} \\\\`), "\\bottomrule", "\\end{tabular}", "",
    ].join("\n");
  }

  /* BibTeX of the models shown: an entry that the card has, else @misc with the citation as a note. */
  function bibtex(what) {
    const balanced = (text) => [...text].reduce((depth, sign) => (depth < 0 ? depth : depth + (sign === "{") - (sign === "}")), 0) === 0;
    return unique(what.rows.map((row) => row.model)).filter(Boolean).map((key) => {
      const { name, cite, url } = facts.models[key] || {};
      if (cite && /^@\w+\{/.test(cite) && balanced(cite)) return `${cite.trim()}\n`;
      const lines = [["title", `{${tex(clean(name || key))}}`], ["note", cite && tex(clean(cite))], ["url", url && encodeURI(url).replace(/[{}]/g, "")]];
      const said = lines.filter(([, text]) => text).map(([what, text]) => `  ${what} = {${text}}`).join(",\n");
      return `@misc{${key.replace(/[^\w.:-]/g, "-")},\n${said}\n}\n`;
    }).join("\n");
  }

  const FORMATS = [
    ["CSV", "csv", "text/csv", csv], ["JSON", "json", "application/json", toJson],
    ["LaTeX", "tex", "application/x-tex", latex], ["BibTeX of these models", "bib", "application/x-bibtex", bibtex],
  ];
  function download(text, name, type) {
    const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
    const link = make("a", { href: url, download: name });
    menu.node.append(link);
    link.click();
    link.remove();
    window.setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
  /* Pages on disk may be refused the clipboard; a text area then does it. */
  function copy(text) {
    const asked = navigator.clipboard ? navigator.clipboard.writeText(text) : Promise.reject();
    return asked.catch(() => {
      const area = make("textarea", { value: text, className: "unseen", ariaLabel: "Text to copy" });
      menu.node.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) throw new Error("refused");
    });
  }
  let chosen = boards[0];
  const select = make("select", { autocomplete: "off" });
  const line = make("label", { className: "option" }, make("span", { className: "unseen", textContent: "Table" }), select);
  const said = make("output", { className: "faint" });
  said.setAttribute("aria-live", "polite");
  /* The tables on screen, of which a page may show one at a time, and how much of the chosen one is there. */
  function size() {
    const here = boards.filter((board) => !board.table.closest("[hidden]"));
    if (!here.includes(chosen)) chosen = here[0];
    line.hidden = here.length < 2;
    select.replaceChildren(...here.map((board) => make("option", { value: board.id, textContent: titleOf(board), selected: board === chosen })));
    const n = chosen.shown.length, rest = chosen.rows.length - n;
    const columns = chosen.columns.filter(({ here: seen }) => seen).length + 1;
    said.textContent = `${n} row${n === 1 ? "" : "s"} and ${columns} columns, as on screen${rest ? `; ${rest} rows are not shown` : ""}`;
  }
  function fill(panel) {
    select.addEventListener("change", () => {
      chosen = boards.find(({ id }) => id === select.value);
      size();
    });
    panel.append(line);
    FORMATS.forEach(([name, ending, type, write]) => {
      const file = () => write(view(chosen));
      panel.append(make("div", { className: "option" }, make("span", { className: "what", textContent: name }),
        button("Download", `Download ${name}`, () => {
          download(file(), `${chosen.id}.${ending}`, type);
          said.textContent = `${name} is downloaded`;
        }),
        button("Copy", `Copy ${name}`, () => {
          copy(file()).then(() => { said.textContent = `${name} is copied`; },
            () => { said.textContent = "The browser refused the clipboard; download instead"; });
        })));
    });
    panel.append(said);
  }
  Object.assign(menu, { fill, refresh: size });
  parts.export = { after: () => menu.update() };
})();
