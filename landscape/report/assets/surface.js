// The surfaces that turn: one camera for all cards, heights and colours by the rise L - L_min.
(() => {
  const { all, redraw, smooth, FINE } = window.landscape;
  const group = document.getElementById("surfaces-first");
  if (!group) return;
  const FLOOR = -0.55, DEPTH = 100;
  const VIRIDIS = ["440154", "482878", "3e4a89", "31688e", "26828e", "1f9e89", "35b779", "6ece58",
    "b5de2b", "fde725"].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const radians = Math.PI / 180;
  const start = { turn: -52 * radians, tilt: 32 * radians, zoom: 1 };
  let view = { ...start }, log = true, queued = false;

  const planes = JSON.parse(group.querySelector("script").textContent).map(prepared);
  const top = Math.max(...planes.map((p) => p.top)) || 1;
  const least = top / DEPTH;
  const cards = all(".surface", group).map(makeCard);

  // --- numbers ----------------------------------------------------------------------------------
  function prepared(plane) {
    const finite = plane.losses.flat().filter((v) => v !== null);
    const lowest = finite.length ? Math.min(...finite) : 0;
    const rises = plane.losses.map((row) => row.map((v) => (v === null ? NaN : v - lowest)));
    return { ...plane, rises, top: finite.length ? Math.max(...finite) - lowest : 0 };
  }
  const height = (rise) => (log ? Math.log1p(rise / least) / Math.log1p(DEPTH) : rise / top);
  function levels() {
    const steps = [...Array(13).keys()];
    return log ? steps.map((k) => least * DEPTH ** (k / 12)).slice(0, -1)
      : steps.slice(1).map((k) => (top * k) / 13);
  }
  function ticks() {
    if (!log) return [0, 0.25, 0.5, 0.75, 1].map((f) => f * top);
    const found = [];
    for (let e = Math.floor(Math.log10(least)); 10 ** e <= top; e++) found.push(10 ** e, 3 * 10 ** e);
    return [0, ...found.filter((v) => v >= least && v <= top)];
  }
  const short = (v) => String(Number(v.toPrecision(2)));
  function viridis(fraction, light) {
    const place = Math.min(Math.max(fraction, 0), 1) * (VIRIDIS.length - 1);
    const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
    return `rgb(${VIRIDIS[low].map((c, i) => Math.round(
      (c + (place - low) * (VIRIDIS[low + 1][i] - c)) * light))})`;
  }
  // --- cards ------------------------------------------------------------------------------------
  function makeCard(node) {
    const canvas = document.createElement("canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    node.classList.add("turns");
    node.querySelector(".still").after(canvas);
    const tools = node.querySelector(".tools"), select = tools.querySelector("select");
    const button = node.querySelector(".save");
    tools.hidden = button.hidden = false;
    const card = { node, canvas, plane: planes[Number(node.dataset.plane)], shown: [], mesh: null };
    const name = () => canvas.setAttribute("aria-label",
      `Loss surface of ${card.plane.label}. Arrow keys turn it; plus and minus zoom; 0 resets.`);
    name();
    select?.addEventListener("change", () => {
      card.plane = planes[Number(select.value)];
      card.mesh = null;
      name();
      draw();
    });
    button.addEventListener("click", () => save(card));
    listen(card);
    return card;
  }
  function meshOf(card) {
    card.mesh ??= smooth(card.plane.rises.map((row) => row.map(height)));
    return card.mesh;
  }

  // --- the camera: orthographic, so that scales stay scales -----------------------------------------
  function camera(width, tall, ratio) {
    const c = Math.cos(view.turn), s = Math.sin(view.turn);
    const sin = Math.sin(view.tilt), cos = Math.cos(view.tilt);
    // The largest scale at which the whole box and its numbers stay inside, from whatever side.
    const across = (width - 90 * ratio) / (2 * Math.SQRT2);
    const upright = (tall - 44 * ratio) / (2 * Math.SQRT2 * sin + 1.55 * cos);
    const size = Math.min(across, upright) * view.zoom;
    return (x, y, z) => {
      const right = -x * s + y * c, away = x * c + y * s, up = z - 0.225;
      return [width / 2 + right * size, tall / 2 - (up * cos - away * sin) * size,
        away * cos + up * sin];
    };
  }
  const unit = (axis, value) => (axis.at(-1) === axis[0] ? 0
    : (2 * (value - axis[0])) / (axis.at(-1) - axis[0]) - 1);
  const at = (k, count) => (count > 1 ? (2 * k) / (count - 1) - 1 : 0);

  // --- drawing -----------------------------------------------------------------------------------
  function draw() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      for (const card of cards) {
        const box = card.canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
        if (!box.width) continue;
        card.canvas.width = Math.round(box.width * ratio);
        card.canvas.height = Math.round(box.height * ratio);
        paint(card, card.canvas, ratio);
      }
    });
  }
  function paint(card, canvas, ratio) {
    const context = canvas.getContext("2d"), { plane } = card, mesh = meshOf(card);
    const style = getComputedStyle(document.documentElement);
    const [ink, grid] = ["--ink", "--soft"].map((name) => style.getPropertyValue(name));
    const project = camera(canvas.width, canvas.height, ratio);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.lineJoin = "round";
    frame(context, project, plane, ink, grid, ratio);
    floor(context, project, mesh, ink, ratio);
    card.shown = plane.rises.map((row, i) => row.map((rise, j) => (Number.isNaN(rise) ? null
      : project(unit(plane.x, plane.x[i]), unit(plane.y, plane.y[j]), height(rise)))));
    const points = mesh.map((row, i) => row.map((z, j) => (Number.isNaN(z) ? null
      : [...project(at(i, mesh.length), at(j, row.length), z), z])));
    const cells = [];
    for (let i = 0; i + 1 < points.length; i++) {
      for (let j = 0; j + 1 < points[i].length; j++) {
        const corners = [points[i][j], points[i + 1][j], points[i + 1][j + 1], points[i][j + 1]];
        if (corners.includes(null)) continue;
        const slope = (corners[1][3] + corners[2][3] - corners[0][3] - corners[3][3]) * mesh.length;
        cells.push({ corners, depth: corners.reduce((sum, p) => sum + p[2], 0),
          z: corners.reduce((sum, p) => sum + p[3], 0) / 4,
          light: Math.min(Math.max(0.93 - 0.012 * slope, 0.72), 1.06) });
      }
    }
    cells.sort((a, b) => a.depth - b.depth);
    for (const { corners, z, light } of cells) {
      context.beginPath();
      corners.forEach((p, n) => (n ? context.lineTo(p[0], p[1]) : context.moveTo(p[0], p[1])));
      context.closePath();
      context.fillStyle = context.strokeStyle = viridis(z, light);
      context.lineWidth = 0.7 * ratio;
      context.fill();
      context.stroke();
    }
    canvas.dataset.view = [view.turn, view.tilt, view.zoom].map((v) => v.toFixed(3)).join(" ");
    canvas.dataset.cells = cells.length / FINE ** 2;
    canvas.dataset.inside = points.flat().every((p) => !p || view.zoom > 1
      || (p[0] >= 0 && p[0] <= canvas.width && p[1] >= 0 && p[1] <= canvas.height));
  }
  // Contours by marching squares on the floor, and the checkpoint.
  function floor(context, project, mesh, ink, ratio) {
    context.lineWidth = 1.1 * ratio;
    for (const level of levels().map(height)) {
      context.strokeStyle = viridis(level, 1);
      context.beginPath();
      for (let i = 0; i + 1 < mesh.length; i++) {
        for (let j = 0; j + 1 < mesh[i].length; j++) {
          const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
          const cut = [];
          corners.forEach(([a, b], n) => {
            const [c, d] = corners[(n + 1) % 4], from = mesh[a][b], to = mesh[c][d];
            if (from < level === to < level || Number.isNaN(from + to)) return;
            const t = (level - from) / (to - from);
            cut.push([a + t * (c - a), b + t * (d - b)]);
          });
          if (cut.length < 2) continue;
          cut.slice(0, 2).forEach(([a, b], n) => {
            const p = project(at(a, mesh.length), at(b, mesh[0].length), FLOOR);
            if (n) context.lineTo(p[0], p[1]); else context.moveTo(p[0], p[1]);
          });
        }
      }
      context.stroke();
    }
  }
  function frame(context, project, plane, ink, grid, ratio) {
    const line = (...ends) => {
      context.beginPath();
      ends.map((p) => project(...p)).forEach((p, n) => (n ? context.lineTo(p[0], p[1])
        : context.moveTo(p[0], p[1])));
      context.stroke();
    };
    context.strokeStyle = grid;
    context.fillStyle = ink;
    context.lineWidth = ratio;
    context.font = `${11 * ratio}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    line([-1, -1, FLOOR], [1, -1, FLOOR], [1, 1, FLOOR], [-1, 1, FLOOR], [-1, -1, FLOOR]);
    // Numbers stand along the two edges of the floor that are nearest.
    const near = [Math.cos(view.turn) > 0 ? 1 : -1, Math.sin(view.turn) > 0 ? 1 : -1];
    const write = (text, x, y, z, align = "center") => {
      const p = project(x, y, z);
      context.textAlign = align;
      context.fillText(text, p[0], p[1]);
    };
    for (const [axis, name, place] of [[plane.x, "x", (u, off) => [u, near[1] * off, FLOOR]],
      [plane.y, "y", (u, off) => [near[0] * off, u, FLOOR]]]) {
      for (const u of [-1, 0, 1]) {
        line(place(u, 1), place(u, 1.06));
        write(short(axis[0] + ((u + 1) / 2) * (axis.at(-1) - axis[0])), ...place(u * 0.97, 1.19));
      }
      write(name, ...place(0.5, 1.2));
    }
    // The upright edge furthest to the right carries the scale.
    const edge = [[-1, -1], [1, -1], [1, 1], [-1, 1]].reduce((a, b) => (
      project(...a, 0)[0] > project(...b, 0)[0] ? a : b));
    line([...edge, 0], [...edge, 1]);
    let last = Infinity;
    for (const value of ticks()) {
      const [x, y] = project(...edge, height(value));
      if (last - y < 13 * ratio) continue;
      last = y;
      context.textAlign = "left";
      context.fillText(short(value), x + 6 * ratio, y);
      context.fillRect(x, y - ratio / 2, 4 * ratio, ratio);
    }
    const [x, y] = project(...edge, 1);
    context.fillText("L − Lₘᵢₙ", x - 4 * ratio, y - 13 * ratio);
    const [cx, cy] = project(unit(plane.x, 0), unit(plane.y, 0), FLOOR);
    context.fillRect(cx - 5 * ratio, cy - ratio, 10 * ratio, 2 * ratio);
    context.fillRect(cx - ratio, cy - 5 * ratio, 2 * ratio, 10 * ratio);
  }

  // --- what a reader does ---------------------------------------------------------------------------
  function turn(around, over) {
    view.turn -= around;
    view.tilt = Math.min(Math.max(view.tilt + over, 0.05), 1.5);
    draw();
  }
  function listen(card) {
    const { canvas } = card;
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      last = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return read(card, event);
      turn((event.clientX - last[0]) * 0.009, (event.clientY - last[1]) * 0.007);
      last = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.08], ArrowDown: [0, 0.08] };
      const zooms = { "+": 1.1, "-": 1 / 1.1 };
      if (steps[event.key]) turn(...steps[event.key]);
      else if (zooms[event.key]) view.zoom = Math.min(Math.max(view.zoom * zooms[event.key], 0.5), 3);
      else if (event.key === "0") view = { ...start };
      else return;
      event.preventDefault();
      draw();
    });
  }
  function read(card, event) {
    const { canvas, plane } = card;
    const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
    const x = (event.clientX - box.left) * ratio, y = (event.clientY - box.top) * ratio;
    let best = null, nearest = (16 * ratio) ** 2;
    card.shown.forEach((row, i) => row.forEach((p, j) => {
      if (!p) return;
      const distance = (p[0] - x) ** 2 + (p[1] - y) ** 2;
      // Of points behind one another the one in front is meant.
      if (distance < nearest && (!best || distance < 0.6 * nearest || p[2] > best.depth)) {
        nearest = distance;
        best = { i, j, depth: p[2] };
      }
    }));
    card.node.querySelector(".readout").textContent = best
      ? `x = ${short(plane.x[best.i])}, y = ${short(plane.y[best.j])}: loss ${plane.losses[best.i][best.j]}`
      : "";
  }
  function save(card) {
    const canvas = document.createElement("canvas");
    canvas.width = 1800;
    canvas.height = Math.round((1800 * card.canvas.height) / card.canvas.width);
    paint(card, canvas, 1800 / card.canvas.getBoundingClientRect().width);
    const link = document.createElement("a");
    link.download = `surface-${card.plane.label.replace(/[^\w.-]+/g, "-")}.png`;
    link.href = canvas.toDataURL("image/png");
    link.click();
  }
  const bar = group.querySelector(".turning");
  bar.hidden = false;
  bar.querySelector(".log").addEventListener("click", (event) => {
    log = !log;
    event.target.setAttribute("aria-pressed", String(log));
    for (const card of cards) card.mesh = null;
    draw();
  });
  bar.querySelector(".reset").addEventListener("click", () => { view = { ...start }; draw(); });
  redraw.push(draw);
  addEventListener("resize", draw);
  draw();
})();
