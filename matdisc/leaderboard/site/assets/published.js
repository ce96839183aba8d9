/* One table at a time; the address names it. Without this file all of them stand one under another. */
(() => {
  "use strict";
  const links = [...document.querySelectorAll('.subsets a[href^="#"]')];
  const sections = links.map((link) => document.querySelector(link.hash));
  function show() {
    const at = Math.max(0, links.findIndex((link) => link.hash === window.location.hash));
    sections.forEach((section, i) => {
      section.hidden = i !== at;
      if (i === at) links[i].setAttribute("aria-current", "true");
      else links[i].removeAttribute("aria-current");
    });
    if (links[at].offsetLeft > window.innerWidth / 2) links[at].parentNode.scrollLeft = links[at].offsetLeft;
    if (document.documentElement.dataset.js) window.matdisc.apply(); /* rows are counted in what is shown */
  }
  window.addEventListener("hashchange", show);
  if (links.length) show();
})();
