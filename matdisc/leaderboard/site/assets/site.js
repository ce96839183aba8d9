/* Sorting, search, columns and theme. Everything is readable and sorted without this file. */
(function () {
  "use strict";
  var root = document.documentElement;
  var tables = Array.prototype.slice.call(document.querySelectorAll("table.board"));
  var state = { q: "", metrics: "headline", intervals: "on", references: "on", sort: {} };

  function all(selector, parent) {
    return Array.prototype.slice.call((parent || document).querySelectorAll(selector));
  }

  /* Theme: remembered on this machine if that is allowed. */
  function readTheme() {
    try {
      var kept = window.localStorage.getItem("matdisc-theme");
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
    var select = document.getElementById("theme");
    root.setAttribute("data-theme", readTheme());
    if (!select) return;
    select.value = readTheme();
    select.addEventListener("change", function () {
      root.setAttribute("data-theme", select.value);
      keepTheme(select.value);
    });
  }

  /* Sorting: exact numbers from data-v, a cell without one is missing and stays last in both directions. */
  function headers(table) {
    return all("thead th", table);
  }
  function keyOf(row, index) {
    var cell = row.children[index];
    return cell && cell.hasAttribute("data-v") ? cell.getAttribute("data-v") : null;
  }
  function compare(a, b) {
    var x = Number(a), y = Number(b);
    if (!isNaN(x) && !isNaN(y)) return x - y;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  function sortTable(table, key, direction) {
    var heads = headers(table);
    var index = heads.findIndex(function (head) { return head.getAttribute("data-key") === key; });
    if (index < 0) return false;
    var sign = direction === "ascending" ? 1 : -1;
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows).map(function (row) {
      return { row: row, key: keyOf(row, index), place: Number(row.getAttribute("data-place")) };
    });
    rows.sort(function (a, b) {
      if (a.key === null || b.key === null) {
        return a.key === b.key ? a.place - b.place : a.key === null ? 1 : -1;
      }
      return sign * compare(a.key, b.key) || a.place - b.place;
    });
    var sorted = document.createDocumentFragment();
    rows.forEach(function (item) { sorted.appendChild(item.row); });
    body.appendChild(sorted);
    limitRows(table);
    heads.forEach(function (head, i) {
      if (i === index) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    });
    return true;
  }
  function clickHeader(table, head) {
    var now = head.getAttribute("aria-sort");
    var first = head.getAttribute("data-first");
    var next = now ? (now === "ascending" ? "descending" : "ascending") : first;
    var key = head.getAttribute("data-key");
    sortTable(table, key, next);
    if (head.hasAttribute("data-default") && next === first) delete state.sort[table.id];
    else state.sort[table.id] = key + "." + (next === "ascending" ? "asc" : "desc");
    writeState();
  }
  function setUpTable(table) {
    Array.prototype.slice.call(table.tBodies[0].rows).forEach(function (row, i) {
      row.setAttribute("data-place", String(i));
    });
    headers(table).forEach(function (head) {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.addEventListener("click", function () { clickHeader(table, head); });
    });
  }

  /* Search: every word has to occur in what a row shows or in its card's facts. */
  function filterRows() {
    var words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0, hidden = 0;
    tables.forEach(function (table) {
      Array.prototype.slice.call(table.tBodies[0].rows).forEach(function (row) {
        var name = row.cells[0].textContent.toLowerCase();
        var text = name + " " + (row.getAttribute("data-search") || "");
        var fits = words.every(function (word) { return text.indexOf(word) >= 0; });
        row.hidden = !fits;
        if (fits) shown += 1;
        else hidden += 1;
      });
    });
    tables.forEach(limitRows);
    say(shown, hidden);
  }
  /* Long tables show their first rows until asked for all; which rows those are follows sorting and search. */
  var SHORT = 100;
  function limitRows(table) {
    if (!table.classList.contains("long")) return;
    var place = 0;
    Array.prototype.slice.call(table.tBodies[0].rows).forEach(function (row) {
      if (!row.hidden) place += 1;
      row.classList.toggle("more", place > SHORT);
    });
    var button = document.querySelector('[data-show-all="' + table.id + '"]');
    if (button) button.hidden = place <= SHORT || table.classList.contains("whole");
  }
  function setUpShowAll() {
    all("[data-show-all]").forEach(function (button) {
      button.addEventListener("click", function () {
        var table = document.getElementById(button.getAttribute("data-show-all"));
        table.classList.add("whole");
        limitRows(table);
        table.parentNode.focus();
      });
    });
  }
  function say(shown, hidden) {
    var count = document.getElementById("count");
    var clear = document.getElementById("clear");
    if (count) count.textContent = hidden ? shown + " of " + (shown + hidden) + " rows, " + hidden + " hidden by the search" : "";
    if (clear) clear.hidden = !hidden;
  }

  /* State in the address: defaults left out, unknown values ignored. */
  function readState() {
    var params = new URLSearchParams(window.location.search);
    state.q = (params.get("q") || "").slice(0, 80);
    if (params.get("metrics") === "all") state.metrics = "all";
    if (params.get("intervals") === "off") state.intervals = "off";
    if (params.get("references") === "off") state.references = "off";
    tables.forEach(function (table) {
      var match = /^([a-z0-9]{1,20})\.(asc|desc)$/.exec(params.get("sort." + table.id) || "");
      if (match && sortTable(table, match[1], match[2] + "ending")) state.sort[table.id] = match[0];
    });
  }
  function writeState() {
    var params = new URLSearchParams();
    if (state.q) params.set("q", state.q);
    ["metrics", "intervals", "references"].forEach(function (name) {
      if (state[name] !== (name === "metrics" ? "headline" : "on")) params.set(name, state[name]);
    });
    Object.keys(state.sort).sort().forEach(function (id) { params.set("sort." + id, state.sort[id]); });
    var query = params.toString();
    try {
      window.history.replaceState(null, "", window.location.pathname + (query ? "?" + query : "") + window.location.hash);
    } catch (error) {
      /* Some browsers refuse this for pages on disk; the page itself works all the same. */
    }
  }
  function applyState() {
    ["metrics", "intervals", "references"].forEach(function (name) {
      root.setAttribute("data-" + name, state[name]);
    });
    all("[data-metrics-set]").forEach(function (button) {
      button.setAttribute("aria-pressed", String(button.getAttribute("data-metrics-set") === state.metrics));
    });
    filterRows();
  }
  function changed() {
    applyState();
    writeState();
  }

  function setUpControls() {
    var search = document.getElementById("search");
    if (!search) return;
    search.value = state.q;
    search.addEventListener("input", function () { state.q = search.value.trim(); changed(); });
    document.getElementById("clear").addEventListener("click", function () {
      search.value = state.q = "";
      changed();
      search.focus();
    });
    all("[data-metrics-set]").forEach(function (button) {
      button.addEventListener("click", function () {
        state.metrics = button.getAttribute("data-metrics-set");
        changed();
      });
    });
    ["intervals", "references"].forEach(function (name) {
      var box = document.getElementById(name);
      box.checked = state[name] === "on";
      box.addEventListener("change", function () {
        state[name] = box.checked ? "on" : "off";
        changed();
      });
    });
  }

  setUpTheme();
  tables.forEach(setUpTable);
  readState();
  setUpControls();
  setUpShowAll();
  if (tables.length) applyState();
  root.setAttribute("data-js", "ready");
})();
