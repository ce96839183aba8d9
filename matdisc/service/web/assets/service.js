/* Live pages, and forms that are sent once. Everything works without this file, a little slower. */
(function () {
  "use strict";

  function all(selector, parent) {
    return Array.prototype.slice.call((parent || document).querySelectorAll(selector));
  }
  function by(id) {
    return document.getElementById(id);
  }
  function say(text) {
    var place = by("said");
    if (place && place.textContent !== text) place.textContent = text;
  }

  /* Errors: the summary gets the focus, its links the fields. */
  function setUpErrors() {
    var errors = by("errors");
    if (!errors) return;
    errors.focus();
    all("a", errors).forEach(function (link) {
      link.addEventListener("click", function (event) {
        var field = by(link.getAttribute("href").slice(1));
        if (!field) return;
        event.preventDefault();
        field.focus();
      });
    });
  }

  /* A form is sent once; its button says so until the answer is there. */
  function setUpOnce(form) {
    var sent = false;
    form.addEventListener("submit", function (event) {
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      all("button", form).forEach(function (button) { button.setAttribute("aria-disabled", "true"); });
      var told = form.querySelector("[data-sending]");
      if (told) told.textContent = told.getAttribute("data-sending");
    });
    window.addEventListener("pageshow", function () {
      sent = false;
      all("button", form).forEach(function (button) { button.removeAttribute("aria-disabled"); });
      var told = form.querySelector("[data-sending]");
      if (told) told.textContent = "";
    });
  }

  /* Submit: what the chosen data set asks for, and a card to begin with. */
  function setUpPlaces() {
    var select = by("f-place");
    if (!select) return;
    function show() {
      var task = select.value.split("/")[0];
      all("[data-place]").forEach(function (part) { part.hidden = part.getAttribute("data-place") !== select.value; });
      all("[data-task]").forEach(function (part) {
        part.open = part.getAttribute("data-task") === task;
        part.hidden = !part.open;
      });
    }
    select.addEventListener("change", show);
    show();
  }
  function setUpStarter() {
    var button = by("use-starter"), card = by("f-card"), starter = by("starter");
    if (!button) return;
    button.addEventListener("click", function () {
      if (card.value.trim() && card.value !== starter.textContent) {
        say("The field holds a card already; empty it first.");
        card.focus();
        return;
      }
      card.value = starter.textContent;
      card.focus();
      card.setSelectionRange(0, 0);
      card.scrollTop = 0;
    });
  }

  /* Live parts: the page is fetched again, and the parts that differ are replaced. The server alone makes HTML. */
  var asked = null;
  function refresh() {
    if (asked) return asked;
    asked = fetched();
    function over() { asked = null; }
    asked.then(over, over);
    return asked;
  }
  function fetched() {
    return window.fetch(window.location.href, { credentials: "same-origin", headers: { Accept: "text/html" } })
      .then(function (answer) {
        if (answer.redirected) window.location.assign(answer.url);
        return answer.ok && !answer.redirected ? answer.text() : null;
      })
      .then(function (text) {
        if (text === null) return null;
        var fresh = new DOMParser().parseFromString(text, "text/html");
        all("[data-live]").forEach(function (part) { exchange(part, fresh.getElementById(part.id)); });
        return fresh;
      });
  }
  function exchange(part, fresh) {
    if (!fresh || part.outerHTML === fresh.outerHTML) return;
    var active = document.activeElement;
    var inside = active && part.contains(active);
    if (inside && /^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName)) return;
    var scrolled = all(".scroll", part).map(function (box) { return box.scrollLeft; });
    var id = inside ? active.id : "";
    var adopted = document.importNode(fresh, true);
    part.replaceWith(adopted);
    all(".scroll", adopted).forEach(function (box, i) { box.scrollLeft = scrolled[i] || 0; });
    all("form[data-once]", adopted).forEach(setUpOnce);
    if (id && by(id)) by(id).focus({ preventScroll: true });
  }

  /* Queue */
  function setUpQueue() {
    var place = document.querySelector("[data-refresh]");
    if (!place) return;
    var seconds = Number(place.getAttribute("data-refresh"));
    function states() {
      var found = {};
      all("#rows tbody tr").forEach(function (row) {
        var link = row.querySelector("th a"), cell = row.querySelector("[data-state]");
        if (link && cell) found[link.id] = link.textContent + ": " + cell.getAttribute("data-state").replace("_", " ");
      });
      return found;
    }
    function again() {
      window.setTimeout(function () {
        if (document.hidden) return again();
        var before = states();
        refresh().then(function (fresh) {
          var after = states();
          var news = Object.keys(after).filter(function (id) { return before[id] && before[id] !== after[id]; });
          if (news.length) say(news.map(function (id) { return after[id]; }).join("; "));
          var next = fresh && fresh.querySelector("[data-refresh]");
          if (next) seconds = Number(next.getAttribute("data-refresh"));
        }).catch(function () { /* The server is away for a moment: the next try may find it. */ }).then(again);
      }, seconds * 1000);
    }
    again();
  }

  /* Submission */
  var quarters = 0;  /* What is said aloud: not each step. */
  function showProgress(progress) {
    var work = by("work");
    if (!work || !progress || !progress.total) return;
    work.hidden = false;
    by("bar").max = progress.total;
    by("bar").value = progress.done;
    var quarter = Math.floor(4 * progress.done / progress.total);
    if (quarter > quarters) say(25 * quarter + " % done");
    quarters = Math.max(quarter, quarters);
    by("done").textContent = progress.done + " of " + progress.total + (progress.text ? ": " + progress.text : "");
  }
  function setUpSubmission() {
    var place = document.querySelector("[data-events]");
    if (!place) return;
    var last = stateShown();
    var source = window.EventSource ? new EventSource(place.getAttribute("data-events")) : null;
    function stateShown() {
      var shown = document.querySelector("#now .state");
      return shown ? shown.textContent : "";
    }
    function update() {
      return refresh().then(function (fresh) {
        var shown = stateShown();
        if (shown !== last) {
          last = shown;
          var now = document.querySelector("#now .now");
          say(now ? now.textContent.replace(/\s+/g, " ").trim() : shown);
          document.title = document.title.replace(/, [^,·]*·/, ", " + shown + " ·");
        }
        return fresh ? fresh.querySelector("[data-events]") !== null : true;
      }).catch(function () { return true; });
    }
    function poll() {
      window.setTimeout(function () {
        update().then(function (open) { if (open) poll(); });
      }, 3000);
    }
    if (!source) return poll();
    source.addEventListener("progress", function (event) { showProgress(JSON.parse(event.data).progress); });
    source.addEventListener("state", function (event) {
      showProgress(JSON.parse(event.data).progress);
      update();
    });
    source.addEventListener("end", function () {
      source.close();
      update();
    });
    source.addEventListener("error", function () {
      if (source.readyState === EventSource.CLOSED) poll();
    });
    window.addEventListener("pagehide", function () { source.close(); });
  }

  all("form[data-once]").forEach(setUpOnce);
  setUpErrors();
  setUpPlaces();
  setUpStarter();
  setUpQueue();
  setUpSubmission();
  document.documentElement.setAttribute("data-service", "ready");
})();
