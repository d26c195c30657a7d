"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const labels = JSON.parse(document.getElementById("labels").textContent);
  const hidden = new Set();
  const tip = document.getElementById("tip");

  // --- tooltips -----------------------------------------------------------------------------
  function showTip(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(4, x + 14), document.documentElement.clientWidth - box.width - 4);
    const above = y - box.height - 12;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : y + 18}px`;
  }
  const hideTip = () => { tip.hidden = true; };
  for (const node of all("[data-hint]")) {
    const show = () => {
      const box = node.getBoundingClientRect();
      showTip(node.dataset.hint, box.left, box.top);
    };
    node.addEventListener("pointerenter", show);
    node.addEventListener("focus", show);
    node.addEventListener("pointerleave", hideTip);
    node.addEventListener("blur", hideTip);
  }
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  // --- checkpoints on and off -----------------------------------------------------------------
  for (const chip of all("[data-toggle]")) {
    chip.addEventListener("click", () => {
      const on = chip.getAttribute("aria-pressed") !== "true";
      chip.setAttribute("aria-pressed", String(on));
      for (const index of chip.dataset.toggle.split(" ").map(Number)) {
        if (on) hidden.delete(index); else hidden.add(index);
        for (const part of all(`[data-series="${index}"]`)) part.classList.toggle("off", !on);
      }
    });
  }

  // --- log and linear -------------------------------------------------------------------------
  for (const button of all("button.scale")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const figure = button.closest("figure");
      const now = figure.dataset.scale === "log" ? "linear" : "log";
      button.textContent = now === "log" ? "Linear scale" : "Log scale";
      figure.dataset.scale = now;
    });
  }

  // --- values under the pointer ---------------------------------------------------------------
  for (const variant of all(".plot .variant")) {
    const svg = variant.querySelector("svg");
    const series = JSON.parse(variant.querySelector("script").textContent);
    if (!series.length) continue;
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    mark.setAttribute("class", "pointer off");
    mark.setAttribute("r", "4");
    svg.append(mark);
    const leave = () => { mark.classList.add("off"); hideTip(); };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const unit = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * unit, y = (event.clientY - box.top) * unit;
      let best = null, least = 28 * 28;
      for (const line of series) {
        if (hidden.has(line.s)) continue;
        for (const point of line.p) {
          const distance = (point[0] - x) ** 2 + (point[1] - y) ** 2;
          if (distance < least) { least = distance; best = [line, point]; }
        }
      }
      if (!best) return leave();
      const [line, point] = best;
      mark.setAttribute("cx", point[0]);
      mark.setAttribute("cy", point[1]);
      mark.classList.remove("off");
      showTip(`${labels[line.s]}\n${point[2]}`, event.clientX, event.clientY);
    });
    svg.addEventListener("pointerleave", leave);
  }

  // --- tables that sort -----------------------------------------------------------------------
  for (const table of all("table")) {
    const body = table.tBodies[0];
    const heads = all("thead th", table);
    const rows = [...body.rows];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const order = { none: "ascending", ascending: "descending", descending: "none" };
        const next = order[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", next);
        const sorted = next === "none" ? rows : [...rows].sort((a, b) => {
          const result = compare(a.cells[column].dataset.value, b.cells[column].dataset.value);
          return next === "descending" && Number.isFinite(result) ? -result : result;
        });
        body.append(...sorted);
      });
    });
  }
  function compare(a, b) {
    const missing = (b === "–" ? -1 : 0) + (a === "–" ? 1 : 0);
    if (missing) return missing * Infinity;
    const x = Number(a), y = Number(b);
    if (a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return a.localeCompare(b, "en", { numeric: true });
  }

  // --- light and dark -------------------------------------------------------------------------
  const theme = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme
    || (prefersDark.matches ? "dark" : "light")) === "dark";
  const redraw = [];
  function nameTheme() {
    theme.textContent = isDark() ? "Light" : "Dark";
    for (const draw of redraw) draw();
  }
  theme.hidden = false;
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  prefersDark.addEventListener("change", nameTheme);

  // --- details: open for the anchor that is asked for, and for paper what it needs -------------
  function openAnchor() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", openAnchor);
  openAnchor();
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details[data-paper]:not([open])");
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of opened) part.open = false; });

  nameTheme();
  window.landscape = { all, redraw };
})();
