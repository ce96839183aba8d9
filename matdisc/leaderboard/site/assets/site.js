/* Theme, sorting, search, and the view in the address. Everything is readable and sorted without this file. */
(() => {
  "use strict";
  const root = document.documentElement;
  const SHORT = 100; /* long tables show so many rows until asked for all */
  const all = (selector, parent) => [...(parent || document).querySelectorAll(selector)];

  /* Theme: remembered on this machine if that is allowed. */
  function readTheme() {
    try {
      const kept = window.localStorage.getItem("matdisc-theme");
      return kept === "light" || kept === "dark" ? kept : "auto";
    } catch (error) {
      return "auto";
    }
  }
  function keepTheme(value) {
    try {
      if (value === "auto") window.localStorage.removeItem("matdisc-theme");
      else window.localStorage.setItem("matdisc-theme", value);
    } catch (error) {
      /* Private windows and some file: pages have no storage; the choice then lasts for this page. */
    }
  }
  function setUpTheme() {
    const select = document.getElementById("theme");
    root.setAttribute("data-theme", readTheme());
    if (!select) return;
    select.value = readTheme();
    select.addEventListener("change", () => {
      root.setAttribute("data-theme", select.value);
      keepTheme(select.value);
    });
  }

  /* A table: its rows as arrays that are read once. Rows that are not shown leave the document, so that they cost no
     layout. The exact number of a cell is its data-v, or else what it prints; a cell with neither is missing. */
  const MISSING = /^[\s–—·-]*$/;
  function printed(cell) {
    const value = cell && (cell.querySelector(".value") || [...cell.childNodes].find((node) => node.textContent.trim()));
    return value ? value.textContent.trim() : "";
  }
  const asNumber = (text) => Number(text.replace("−", "-").replace(/[,\s%]/g, ""));

  class Board {
    constructor(table) {
      this.table = table;
      this.id = table.id;
      this.body = table.tBodies[0];
      this.columns = all("thead th[data-key]", table).map((head, index) => ({
        key: head.getAttribute("data-key"), first: head.getAttribute("data-first") || "ascending",
        label: printed(head.querySelector(".label") || head), extra: head.classList.contains("extra"), head, index,
      }));
      this.rows = [...this.body.rows].map((tr, place) => ({
        tr, place, model: tr.getAttribute("data-m"), reference: tr.classList.contains("reference"), out: false,
      }));
      this.order = this.rows;
      this.long = table.classList.contains("long");
      this.more = document.querySelector(`[data-show-all="${table.id}"]`);
      this.columns.forEach((column) => this.makeButton(column));
    }
    column(key) {
      return this.columns.find((column) => column.key === key);
    }
    cell(row, column) {
      if (column.cells) return column.cells[row.place];
      row.cells = row.cells || [...row.tr.children];
      return row.cells[column.index];
    }
    /* Values of a column by place: numbers if all that is there is numbers, else lower-case text; null is missing. The
       exact ones if every cell has its own, else all as printed, so that no two scales mix. */
    values(column) {
      if (column.values) return column.values;
      const cells = this.rows.map((row) => this.cell(row, column));
      let texts = cells.map((cell) => (cell ? cell.getAttribute("data-v") : null));
      column.exact = cells.every((cell, i) => texts[i] !== null || MISSING.test(printed(cell)));
      if (!column.exact) texts = cells.map(printed).map((text) => (MISSING.test(text) ? null : text));
      const numbers = texts.map((text) => (text === null ? null : asNumber(text)));
      column.values = numbers.some(Number.isNaN) ? texts.map((text) => text && text.toLowerCase()) : numbers;
      return column.values;
    }
    text(row) {
      if (row.text === undefined) {
        const { kind, approach, train } = facts.models[row.model] || {};
        const seen = [this.cell(row, this.columns[0]).textContent, row.tr.getAttribute("data-search")];
        row.text = seen.concat(kind, approach, train).join(" ").toLowerCase();
      }
      return row.text;
    }
    /* By a column, ties and missing values as they stood at first; without a key the first order of all. */
    sort(key, direction) {
      const by = this.column(key);
      if (key && !by) return false;
      const sign = direction === "ascending" ? 1 : -1;
      const values = by && this.values(by);
      this.order = by ? [...this.rows].sort((a, b) => {
        const x = values[a.place], y = values[b.place];
        if (x === null || y === null) return x === y ? a.place - b.place : x === null ? 1 : -1;
        return (x < y ? -sign : x > y ? sign : 0) || a.place - b.place;
      }) : this.rows;
      this.columns.forEach(({ head }) => head.removeAttribute("aria-sort"));
      const marked = by ? by.head : this.start;
      if (marked) marked.setAttribute("aria-sort", by ? direction : marked.getAttribute("data-first"));
      return true;
    }
    click(column) {
      const now = column.head.getAttribute("aria-sort");
      const next = now ? (now === "ascending" ? "descending" : "ascending") : column.first;
      if (column.head.hasAttribute("data-default") && next === column.first) delete state.sort[this.id];
      else state.sort[this.id] = `${column.key}.${next.slice(0, -6)}`;
      this.sort(column.key, next);
      this.show();
      writeState();
    }
    makeButton(column) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      if (column.head.querySelector("a")) {
        button.classList.add("beside");
        button.append(Object.assign(document.createElement("span"), { className: "label" }));
        button.setAttribute("aria-label", `Sort by ${[...column.head.children].map((node) => node.textContent.trim()).join(" ")}`);
      } else button.append(...column.head.childNodes);
      column.head.append(button);
      if (column.head.hasAttribute("data-default")) this.start = column.head;
      button.addEventListener("click", () => this.click(column));
    }
    get fitting() {
      return this.order.filter((row) => !row.out);
    }
    get shown() {
      return this.long && !this.whole ? this.fitting.slice(0, SHORT) : this.fitting;
    }
    show() {
      const shown = this.shown;
      shown.forEach(({ tr }) => tr.classList.remove("more"));
      this.body.replaceChildren(...shown.map(({ tr }) => tr));
      if (this.more) this.more.hidden = shown.length === this.fitting.length;
    }
    showAll() {
      this.whole = true;
      this.table.classList.add("whole");
      this.show();
      this.table.parentNode.focus();
    }
  }

  /* What a row has to pass to be shown, by name; a test that is not there lets everything pass. */
  const state = { q: "", intervals: "on", references: "on", sort: {} };
  const tests = {};
  const block = document.getElementById("facts");
  const facts = Object.assign({ models: {}, metrics: {} }, block && JSON.parse(block.textContent));
  const boards = all("table.board").map((table) => new Board(table));

  function filterRows() {
    const active = Object.values(tests).filter(Boolean);
    let shown = 0, hidden = 0;
    boards.forEach((board) => {
      const away = board.table.closest("[hidden]"); /* pages may show one table at a time */
      board.rows.forEach((row) => {
        row.out = !active.every((test) => test(row, board));
        if (away) return;
        if (row.out) hidden += 1;
        else shown += 1;
      });
      board.show();
    });
    const count = document.getElementById("count"), clear = document.getElementById("clear");
    if (count) count.textContent = hidden ? `${shown} of ${shown + hidden} rows, ${hidden} hidden by filters` : "";
    if (clear) clear.hidden = !hidden && !state.q;
  }

  /* The view in the address: defaults left out, unknown values ignored. Other scripts add parts of their own. */
  const params = new URLSearchParams(window.location.search);
  const parts = {
    search: {
      read() {
        state.q = (params.get("q") || "").slice(0, 80);
        ["intervals", "references"].forEach((name) => { if (params.get(name) === "off") state[name] = "off"; });
      },
      write(query) {
        if (state.q) query.set("q", state.q);
        ["intervals", "references"].forEach((name) => { if (state[name] === "off") query.set(name, "off"); });
      },
      clear() {
        state.q = document.getElementById("search").value = "";
        state.references = "on";
        document.getElementById("references").checked = true;
      },
      apply() {
        const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
        tests.search = words.length && ((row, board) => words.every((word) => board.text(row).includes(word)));
        tests.references = state.references === "off" && ((row) => !row.reference);
        ["intervals", "references"].forEach((name) => root.setAttribute(`data-${name}`, state[name]));
      },
    },
  };
  function each(what, ...values) {
    Object.values(parts).forEach((part) => part[what] && part[what](...values));
  }
  function readSorts() {
    boards.forEach((board) => {
      const match = /^(.+)\.(asc|desc)$/.exec(params.get(`sort.${board.id}`) || "");
      if (match && board.sort(match[1], `${match[2]}ending`)) state.sort[board.id] = match[0];
    });
  }
  function writeState() {
    const view = new URLSearchParams();
    each("write", view);
    Object.keys(state.sort).sort().forEach((id) => view.set(`sort.${id}`, state.sort[id]));
    const query = view.toString();
    try {
      window.history.replaceState(null, "", window.location.pathname + (query ? `?${query}` : "") + window.location.hash);
    } catch (error) {
      /* Some browsers refuse this for pages on disk; the page itself works all the same. */
    }
  }
  function apply() {
    each("apply");
    filterRows();
    each("after");
  }
  function change() {
    apply();
    writeState();
  }

  function setUpControls() {
    const search = document.getElementById("search");
    if (!search) return;
    search.value = state.q;
    search.addEventListener("input", () => { state.q = search.value.trim(); change(); });
    document.getElementById("clear").addEventListener("click", () => {
      each("clear");
      change();
      search.focus();
    });
    ["intervals", "references"].forEach((name) => {
      const box = document.getElementById(name);
      box.checked = state[name] === "on";
      box.addEventListener("change", () => {
        state[name] = box.checked ? "on" : "off";
        change();
      });
    });
  }
  function start() {
    each("read");
    setUpControls();
    readSorts();
    boards.forEach((board) => board.more && board.more.addEventListener("click", () => board.showAll()));
    if (boards.length) apply();
    root.setAttribute("data-js", "ready");
  }

  window.matdisc = { all, apply, boards, change, facts, params, parts, printed, readSorts, state, tests };
  setUpTheme();
  document.addEventListener("DOMContentLoaded", start); /* after the deferred scripts that add their parts */
})();
