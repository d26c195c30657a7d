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
      const index = Number(chip.dataset.toggle);
      const on = hidden.has(index);
      if (on) hidden.delete(index); else hidden.add(index);
      chip.setAttribute("aria-pressed", String(on));
      for (const part of all(`[data-series="${index}"]`)) part.classList.toggle("off", !on);
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

  // --- what is folded is printed too ----------------------------------------------------------
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const part of opened) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of opened) part.open = false; });

  // --- the surface that turns -----------------------------------------------------------------
  const VIRIDIS = ["440154", "482878", "3e4a89", "31688e", "26828e", "1f9e89", "35b779", "6ece58",
    "b5de2b", "fde725"].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  function viridis(fraction) {
    const place = Math.min(Math.max(fraction, 0), 1) * (VIRIDIS.length - 1);
    const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
    return VIRIDIS[low].map((c, i) => Math.round(c + (place - low) * (VIRIDIS[low + 1][i] - c)));
  }
  const figure = document.getElementById("surface");
  if (figure) surface(figure);

  function surface(figure) {
    figure.hidden = false;
    const planes = JSON.parse(figure.querySelector("script").textContent);
    const canvas = figure.querySelector("canvas"), context = canvas.getContext("2d");
    const select = figure.querySelector("select"), logButton = figure.querySelector(".log");
    const readout = figure.querySelector(".readout");
    const finite = planes.flatMap((p) => p.losses.flat()).filter((v) => v !== null);
    const least = Math.min(...finite), most = Math.max(...finite);
    const canLog = least > 0;
    const start = { turn: -0.7, tilt: 0.55, zoom: 1 };
    let view = { ...start }, log = canLog, shown = [];
    logButton.hidden = !canLog;

    function height(loss) {
      const f = log ? Math.log : (v) => v;
      return most > least ? (f(loss) - f(least)) / (f(most) - f(least)) : 0;
    }
    function project(x, y, z) {
      const size = Math.min(canvas.width, canvas.height * 1.6) * 0.3 * view.zoom;
      const c = Math.cos(view.turn), s = Math.sin(view.turn);
      const across = x * c - y * s, away = x * s + y * c, up = (z - 0.5) * 0.95;
      const sin = Math.sin(view.tilt), cos = Math.cos(view.tilt);
      const depth = away * cos - up * sin;
      const scale = size / (1 + 0.22 * depth);
      return [canvas.width / 2 + across * scale * 0.85,
        canvas.height * 0.45 - (up * cos + away * sin) * scale * 0.85, depth];
    }
    function unit(axis, value) {
      const low = axis[0], high = axis[axis.length - 1];
      return high === low ? 0 : (2 * (value - low)) / (high - low) - 1;
    }
    function draw() {
      const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
      if (box.width) {
        canvas.width = Math.round(box.width * ratio);
        canvas.height = Math.round(box.height * ratio);
      }
      const style = getComputedStyle(document.documentElement);
      const ink = style.getPropertyValue("--ink"), grid = style.getPropertyValue("--soft");
      context.clearRect(0, 0, canvas.width, canvas.height);
      const plane = planes[Number(select.value)];
      shown = plane.losses.map((row, i) => row.map((loss, j) => (loss === null ? null
        : [...project(unit(plane.x, plane.x[i]), unit(plane.y, plane.y[j]), height(loss)), loss])));
      frame(plane, ink, grid, ratio);
      const cells = [];
      for (let i = 0; i + 1 < shown.length; i++) {
        for (let j = 0; j + 1 < shown[i].length; j++) {
          const corners = [shown[i][j], shown[i + 1][j], shown[i + 1][j + 1], shown[i][j + 1]];
          if (corners.includes(null)) continue;
          const depth = corners.reduce((sum, p) => sum + p[2], 0);
          const loss = corners.reduce((sum, p) => sum + height(p[3]), 0) / 4;
          cells.push([depth, corners, loss]);
        }
      }
      cells.sort((a, b) => b[0] - a[0]);
      for (const [, corners, loss] of cells) {
        const colour = viridis(loss);
        context.beginPath();
        corners.forEach((p, n) => (n ? context.lineTo(p[0], p[1]) : context.moveTo(p[0], p[1])));
        context.closePath();
        context.fillStyle = `rgb(${colour})`;
        context.strokeStyle = `rgb(${colour.map((c) => Math.round(c * 0.82))})`;
        context.lineWidth = 0.6 * ratio;
        context.fill();
        context.stroke();
      }
      canvas.dataset.view = [view.turn, view.tilt, view.zoom].map((v) => v.toFixed(3)).join(" ");
      canvas.dataset.cells = cells.length;
    }
    function frame(plane, ink, grid, ratio) {
      const corners = [[-1, -1], [1, -1], [1, 1], [-1, 1]];
      context.strokeStyle = grid;
      context.fillStyle = ink;
      context.lineWidth = ratio;
      context.font = `${12 * ratio}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.beginPath();
      corners.forEach(([x, y], n) => {
        const p = project(x, y, 0);
        if (n) context.lineTo(p[0], p[1]); else context.moveTo(p[0], p[1]);
      });
      context.closePath();
      context.stroke();
      const write = (text, x, y, z) => {
        const p = project(x, y, z);
        context.fillText(text, p[0], p[1] + 5 * ratio);
      };
      const short = (v) => String(Number(v.toPrecision(3)));
      const side = Math.cos(view.turn) > 0 ? -1.22 : 1.22;
      const other = Math.sin(view.turn) > 0 ? -1.22 : 1.22;
      const [x0, x1] = [plane.x[0], plane.x[plane.x.length - 1]];
      const [y0, y1] = [plane.y[0], plane.y[plane.y.length - 1]];
      write(short(x0), -1, side, 0); write("x along d1", 0, side, 0); write(short(x1), 1, side, 0);
      write(short(y0), other, -1, 0); write("y along d2", other, 0, 0); write(short(y1), other, 1, 0);
      // The upright edge that stands furthest to the left carries the scale.
      const edge = corners.reduce((a, b) => (project(...a, 0)[0] < project(...b, 0)[0] ? a : b));
      const low = project(...edge, 0), high = project(...edge, 1);
      context.beginPath();
      context.moveTo(low[0], low[1]);
      context.lineTo(high[0], high[1]);
      context.stroke();
      context.textAlign = "right";
      for (const at of [0, 0.5, 1]) {
        const value = log ? least * (most / least) ** at : least + at * (most - least);
        const p = project(...edge, at);
        context.fillText(value.toPrecision(3), p[0] - 6 * ratio, p[1] + 4 * ratio);
      }
      context.textAlign = "center";
      context.fillText("loss", high[0], high[1] - 10 * ratio);
    }
    function read(event) {
      const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
      const x = (event.clientX - box.left) * ratio, y = (event.clientY - box.top) * ratio;
      const plane = planes[Number(select.value)];
      let best = null, nearest = (16 * ratio) ** 2;
      shown.forEach((row, i) => row.forEach((p, j) => {
        if (!p) return;
        const distance = (p[0] - x) ** 2 + (p[1] - y) ** 2;
        // Of points behind one another the one in front is meant.
        if (distance < nearest && (!best || distance < 0.6 * nearest || p[2] < best.depth)) {
          nearest = distance;
          best = { i, j, depth: p[2], loss: p[3] };
        }
      }));
      readout.textContent = best
        ? `x = ${plane.x[best.i].toPrecision(3)}, y = ${plane.y[best.j].toPrecision(3)}: loss ${best.loss}`
        : "";
    }
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      last = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return read(event);
      turn((event.clientX - last[0]) * 0.009, (event.clientY - last[1]) * 0.007);
      last = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { last = null; });
    }
    function turn(around, over) {
      view.turn += around;
      view.tilt = Math.min(Math.max(view.tilt + over, 0.02), 1.5);
      draw();
    }
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] };
      if (steps[event.key]) { turn(...steps[event.key]); event.preventDefault(); }
      if (event.key === "+" || event.key === "-") {
        view.zoom = Math.min(Math.max(view.zoom * (event.key === "+" ? 1.1 : 0.9), 0.5), 3);
        draw();
      }
    });
    select.addEventListener("change", draw);
    logButton.addEventListener("click", () => {
      log = !log;
      logButton.setAttribute("aria-pressed", String(log));
      draw();
    });
    figure.querySelector(".reset").addEventListener("click", () => { view = { ...start }; draw(); });
    redraw.push(draw);
    addEventListener("resize", draw);
    draw();
  }
  nameTheme();
})();
