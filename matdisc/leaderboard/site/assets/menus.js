/* What stands in the menus of filters and columns, loaded when the first of them is opened. */
(() => {
  "use strict";
  const {
    FIELDS, PRESETS, RANGES, all, boards, button, change, columnMenu, columns, everyRow, facts, filters, groups, keys, limit, make, pick,
    setView, sortBy, state, tests, unique, view,
  } = window.matdisc;

  function fitting(except) {
    const active = Object.keys(tests).filter((name) => tests[name] && name !== except).map((name) => tests[name]);
    return everyRow.filter(({ row, board }) => active.every((test) => test(row, board)));
  }
  function choose(field, option, asked) {
    if (asked === null) field.chosen.delete(option);
    else field.chosen.set(option, asked);
    change();
  }
  function fillFilters(panel) {
    FIELDS.filter((field) => field.useful).forEach((field) => {
      const set = make("fieldset", {}, make("legend", { textContent: field.title }));
      field.lines = field.options.map((option) => {
        const count = make("span", { className: "faint n" });
        const name = make("span", { className: "what", textContent: option });
        let line, marks;
        if (field.signed) {
          marks = [true, false].map((asked) => button(asked ? "with" : "without", `${asked ? "with" : "without"} ${option}`,
            () => choose(field, option, field.chosen.get(option) === asked ? null : asked)));
          line = make("div", { className: "option" }, name, count, ...marks);
        } else {
          marks = [make("input", { type: "checkbox", autocomplete: "off" })];
          marks[0].addEventListener("change", () => choose(field, option, marks[0].checked ? true : null));
          line = make("label", { className: "option" }, ...marks, name, count);
        }
        set.append(line);
        return { option, count, marks, line };
      });
      panel.append(set);
    });
    RANGES.forEach((range) => {
      const set = make("fieldset", {}, make("legend", { textContent: range.title }));
      range.boxes = range.ends.map((end, i) => {
        const box = make("input", { type: "number", min: 0, step: "any", autocomplete: "off", inputMode: "decimal" });
        box.addEventListener("input", () => {
          range.chosen[i] = limit(box.value);
          change();
        });
        if (end) set.append(make("label", { className: "option" }, end, " ", box));
        return box;
      });
      if (range.note) set.append(make("p", { className: "faint", textContent: range.note }));
      panel.append(set);
    });
  }
  function showFilters() {
    FIELDS.filter((field) => field.lines).forEach((field) => {
      const rows = fitting(field.every || field.signed ? null : field.key);
      const counts = new Map();
      unique(rows.map(({ row }) => row.model)).flatMap((key) => field.of(facts.models[key] || {}))
        .forEach((value) => counts.set(value, (counts.get(value) || 0) + 1));
      field.lines.forEach(({ option, count, marks, line }) => {
        const asked = field.chosen.get(option);
        count.textContent = counts.get(option) || 0;
        line.classList.toggle("zero", !counts.get(option) && asked === undefined);
        if (field.signed) [true, false].forEach((sign, i) => marks[i].setAttribute("aria-pressed", String(asked === sign)));
        else marks[0].checked = asked === true;
      });
    });
    RANGES.forEach((range) => range.boxes && range.boxes.forEach((box, i) => {
      if (limit(box.value) !== range.chosen[i]) box.value = range.chosen[i] === null ? "" : range.chosen[i];
    }));
  }

  function usePreset(one) {
    const { keys: wanted, sort } = one.pick();
    setView(one.name, wanted);
    boards.forEach((board) => {
      delete state.sort[board.id];
      const column = sort && board.column(sort);
      if (column) sortBy(board, column);
      else board.sort();
    });
    change();
  }
  function fillColumns(panel) {
    const presets = make("div", { className: "presets", role: "group", ariaLabel: "Sets of columns" });
    PRESETS.forEach((one) => {
      const node = button(one.title, "", () => usePreset(one));
      node.className = "chip";
      node.dataset.preset = one.name;
      presets.append(node);
    });
    panel.append(presets);
    const box = (text, data, press) => {
      const input = make("input", { type: "checkbox", autocomplete: "off" });
      Object.assign(input.dataset, data);
      input.addEventListener("change", () => press(input.checked));
      return make("label", { className: "option" }, input, make("span", { className: "what", textContent: text }));
    };
    const one = ({ key, label }) => box(label, { column: key }, (on) => {
      pick(keys.filter((other) => (other === key ? on : view().picked.has(other))));
      change();
    });
    const sets = make("div", { className: "sets" });
    groups.forEach((group, i) => {
      const inside = group.columns.map(({ key }) => key);
      const legend = make("legend", {}, box(group.label, { group: i }, (on) => {
        pick(keys.filter((key) => (inside.includes(key) ? on : view().picked.has(key))));
        change();
      }));
      sets.append(make("fieldset", {}, legend, ...group.columns.map(one)));
    });
    const rest = keys.filter((key) => !groups.some((group) => group.columns.some((column) => column.key === key)));
    if (rest.length) sets.append(make("fieldset", {}, ...rest.map((key) => one(columns.get(key)))));
    panel.append(sets);
  }

  function showColumns() {
    const { picked, preset } = view();
    all("[data-column]", columnMenu.node).forEach((box) => { box.checked = picked.has(box.dataset.column); });
    all("[data-group]", columnMenu.node).forEach((box) => {
      const inside = groups[box.dataset.group].columns, n = inside.filter(({ key }) => picked.has(key)).length;
      box.checked = n > 0;
      box.indeterminate = n > 0 && n < inside.length;
    });
    all("[data-preset]", columnMenu.node).forEach((node) => node.setAttribute("aria-pressed", String(node.dataset.preset === preset)));
  }

  Object.assign(filters, { fill: fillFilters, refresh: showFilters });
  Object.assign(columnMenu, { fill: fillColumns, refresh: showColumns });
})();
