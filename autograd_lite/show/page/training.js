"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const by = (id) => document.getElementById(id);
  const levels = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  const last = data.frames.length - 1;
  let now = 0, timer = null;

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const drawn = (name, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  // --- histograms -------------------------------------------------------------------------------------------
  const histogram = (bars, magnitude) => {
    const cell = element("td");
    if (!bars) { cell.append("none"); return cell; }
    const [low, high, lost, heights] = bars;
    const said = `${low} to ${high}, mean magnitude ${magnitude}` + (lost ? `, ${lost} not finite` : "");
    const svg = drawn("svg", { viewBox: `0 0 ${heights.length} 20`, preserveAspectRatio: "none", role: "img", "aria-label": `histogram from ${low} to ${high}` });
    [...heights].forEach((c, i) => {
      const h = 20 * levels.indexOf(c) / 63;
      if (h) svg.append(drawn("rect", { x: i, y: 20 - h, width: 0.9, height: h }));
    });
    cell.append(svg, said);
    return cell;
  };

  // --- the plane: orange above the boundary, blue below, the paler the nearer; classes have a colour each --------
  const colours = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#d55e00", "#0072b2", "#999999"];
  const mixed = (to, strength) => `rgb(${to.map((c) => Math.round(255 + (c - 255) * strength)).join(",")})`;
  // Samples have the full colour of their class, the plane behind them half of it.
  const paler = (colour) => mixed([1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)), 0.5);
  const square = (c) => {
    const k = levels.indexOf(c);
    if (data.plane.classes > 2) return paler(colours[k % 8]);
    return k >= 32 ? mixed([230, 159, 0], 0.25 + 0.75 * (k - 32) / 31) : mixed([86, 180, 233], 0.25 + 0.75 * (31 - k) / 31);
  };
  // A label is told by shape too: circle, square, triangle, diamond.
  const shapes = [
    (x, y) => `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0`, (x, y) => `M${x - 4} ${y - 4}h8v8h-8z`,
    (x, y) => `M${x} ${y - 5}l5 9h-10z`, (x, y) => `M${x} ${y - 6}l5 6l-5 6l-5 -6z`,
  ];
  const fill = (label) => data.plane.classes > 2 ? colours[label % 8] : colours[label ? 0 : 1];
  const three = (x) => String(Number(x.toPrecision(3)));
  const squares = [];
  if (data.plane) {
    const { side, box, dots, labels, of, classes, middle } = data.plane;
    const size = 320 / side;
    for (let i = 0; i < side * side; i++) {
      squares.push(drawn("rect", { x: (i % side) * size, y: Math.floor(i / side) * size, width: size + 0.3, height: size + 0.3 }));
    }
    const [[left, right], [bottom, top]] = box;
    const marks = dots.map(([x, y], i) => drawn("path", {
      class: "dot", fill: fill(labels[i]), stroke: "#111111",
      d: shapes[labels[i] % 4](320 * (x - left) / (right - left), 320 * (top - y) / (top - bottom)),
    }));
    const boundary = drawn("path", { id: "line", fill: "none", stroke: "#111111", "stroke-width": 2 });
    by("plane").append(...squares, boundary, ...marks);
    by("boundary").hidden = false;
    by("boundary-ranges").textContent = `x from ${three(left)} to ${three(right)}, y from ${three(bottom)} to ${three(top)}; ${dots.length} of ${of} samples. `
      + (classes > 2 ? "Each colour is the class of the largest output."
        : classes === 2 ? "Orange: the second output, class 1, is the larger; blue: the first, class 0."
          : `Orange: output above ${middle}, blue: below.`);
  }
  const height = (c) => levels.indexOf(c) - 31.5;
  // Where the output crosses the boundary between the middles of four neighbouring squares (marching squares).
  const contour = (grid, side, size) => {
    let path = "";
    for (let k = 0; k < side * (side - 1); k++) {
      if (k % side === side - 1) continue;
      const x = (k % side + 0.5) * size, y = (Math.floor(k / side) + 0.5) * size;
      const [a, b, c, d] = [grid[k], grid[k + 1], grid[k + side + 1], grid[k + side]].map(height);
      const at = (from, to) => size * from / (from - to);
      const crossed = [];
      if (a * b < 0) crossed.push([x + at(a, b), y]);
      if (b * c < 0) crossed.push([x + size, y + at(b, c)]);
      if (d * c < 0) crossed.push([x + at(d, c), y + size]);
      if (a * d < 0) crossed.push([x, y + at(a, d)]);
      for (let n = 0; n + 1 < crossed.length; n += 2) {
        const [p, q] = [crossed[n], crossed[n + 1]].map((point) => point.map((z) => z.toFixed(1)).join(" "));
        path += `M${p}L${q}`;
      }
    }
    return path;
  };
  const steps = (grid, side, size) => {
    let path = "";
    for (let k = 0; k < side * side; k++) {
      const x = k % side, y = Math.floor(k / side);
      if (x + 1 < side && grid[k] !== grid[k + 1]) path += `M${(x + 1) * size} ${y * size}v${size}`;
      if (y + 1 < side && grid[k] !== grid[k + side]) path += `M${x * size} ${(y + 1) * size}h${size}`;
    }
    return path;
  };
  const plane = (i) => {
    const { side, grids, classes } = data.plane;
    const grid = grids[i], size = 320 / side;
    const belongs = (c) => classes > 2 ? levels.indexOf(c) : Number(height(c) > 0);
    squares.forEach((rect, k) => rect.setAttribute("fill", square(grid[k])));
    const path = classes > 2 ? steps(grid, side, size) : contour(grid, side, size);
    by("line").setAttribute("d", path);
    const shares = {};
    for (const c of grid) shares[belongs(c)] = (shares[belongs(c)] || 0) + 1;
    const share = (n) => `${Math.round(100 * (n || 0) / grid.length)} %`;
    const words = classes > 1
      ? Object.entries(shares).map(([c, n]) => `class ${c} ${share(n)}`).join(", ")
      : `${share(shares[1])} of the square above`;
    by("boundary-caption").textContent = `Decision boundary at the end of epoch ${data.frames[i].epoch + 1}: ${words}`;
  };

  // --- one epoch --------------------------------------------------------------------------------------------
  const show = (i, remember = true) => {
    now = Math.max(0, Math.min(last, i));
    const frame = data.frames[now];
    by("slider").value = now;
    by("slider").setAttribute("aria-valuetext", `epoch ${frame.epoch + 1}`);
    by("place").textContent = `epoch ${frame.epoch + 1}`;
    by("twin").textContent = frame.text;
    const rows = frame.rows.map(([name, gradient, weight], k) => element("tr", {},
      element("td", {}, name), histogram(frame.bars[k][0], gradient), histogram(frame.bars[k][1], weight)));
    by("histograms").querySelector("tbody").replaceChildren(...rows);
    for (const svg of document.querySelectorAll(".curves > svg")) {
      const left = Number(svg.dataset.left), right = Number(svg.dataset.right);
      const x = left + (right - left) * (frame.epoch - Number(svg.dataset.first)) / Number(svg.dataset.span);
      svg.querySelector(".marker").setAttribute("d", `M${x} 10V215`);
    }
    if (data.plane) plane(now);
    const name = `#epoch-${frame.epoch + 1}`;
    if (remember && location.hash !== name) history.replaceState(null, "", name);
  };

  // --- controls ---------------------------------------------------------------------------------------------
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const stop = () => { clearInterval(timer); timer = null; by("play").textContent = "▶ play"; };
  const play = () => {
    if (timer !== null) { stop(); return; }
    if (now === last) show(0);
    by("play").textContent = "❚❚ pause";
    timer = setInterval(() => { if (now >= last) stop(); else show(now + 1); }, still.matches ? 1500 : 250);
  };
  const go = { first: () => show(0), back: () => show(now - 1), next: () => show(now + 1), last: () => show(last) };
  for (const [id, act] of Object.entries(go)) by(id).addEventListener("click", () => { stop(); act(); });
  by("play").addEventListener("click", play);
  by("slider").max = last;
  by("slider").addEventListener("input", () => { stop(); show(Number(by("slider").value)); });
  const keys = { ArrowLeft: go.back, ArrowRight: go.next, Home: go.first, End: go.last };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); stop(); act(); }
    else if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); play(); }
  });
  const linked = () => {
    const match = /^#epoch-(\d+)$/.exec(location.hash);
    const found = match ? data.frames.findIndex((frame) => frame.epoch + 1 >= Number(match[1])) : -1;
    if (match) show(found < 0 ? last : found, false);
  };
  window.addEventListener("hashchange", linked);
  show(last, false);
  linked();
})();
