"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const by = (id) => document.getElementById(id);
  const pictures = [...document.querySelectorAll(".picture")];
  let now = 0, level = 0, timer = null;
  const revealed = new Set();

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const inside = (html) => { const holder = element("div"); holder.innerHTML = html; return holder; };
  const shown = (x) => typeof x === "number" ? String(Number(x.toPrecision(4))) : x;

  // --- arrays: some stand for others alike, and large ones come as two characters for each number ----------------
  const levels = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  const arrayOf = (key) => {
    const a = data.arrays[key];
    if (typeof a === "string") return arrayOf(a);
    if (a.codes && !a.rows) {
      a.rows = [];
      for (let i = 0; 2 * i < a.codes.length; i++) {
        if (i % a.wide === 0) a.rows.push([]);
        const code = 64 * levels.indexOf(a.codes[2 * i]) + levels.indexOf(a.codes[2 * i + 1]);
        a.rows[a.rows.length - 1].push(a.odd && i in a.odd ? a.odd[i] : (code - 2048) / 2047 * a.most);
      }
    }
    return a;
  };

  // --- heat maps: white for 0, orange above, blue below; the two differ in brightness for nobody ---------------
  const colour = (x, most) => {
    if (typeof x !== "number") return "#d9b3e6";
    const strength = most ? Math.min(1, Math.abs(x) / most) : 0;
    const to = x < 0 ? [86, 180, 233] : [240, 168, 60];
    const mix = to.map((c) => Math.round(255 + (c - 255) * strength));
    return `rgb(${mix.join(",")})`;
  };
  const heat = (key) => {
    const a = arrayOf(key);
    const figure = element("figure");
    if (a.rows) {
      const most = Math.max(...a.rows.flat().filter((x) => typeof x === "number").map(Math.abs), 0);
      const words = a.rows.flat().length <= 64;
      // Colours without words say nothing to those who hear the page; the line below says what there is to say.
      const table = element("table", words ? { class: "heat" } : { class: "heat", "aria-hidden": "true" });
      // A stack of matrices is told apart by a gap after each.
      const slice = !a.blocks && a.shape.length > 2 ? a.shape[a.shape.length - 2] : Infinity;
      for (const [i, row] of a.rows.entries()) {
        const line = element("tr", i && i % slice === 0 ? { class: "slice" } : {});
        for (const x of row) {
          const cell = element("td", { style: `background:${colour(x, most)}`, title: shown(x) });
          if (words) cell.textContent = shown(x);
          line.append(cell);
        }
        table.append(line);
      }
      figure.append(table);
    }
    const said = [];
    if (a.of) said.push(a.of);
    if (a.blocks) said.push(`${a.size} entries, shown as means of ${a.blocks.join(" × ")} blocks`);
    if (!a.rows) said.push(`${a.size} entries, left out`);
    if ((a.size > 6 || !a.rows) && a.min !== undefined) said.push(`min ${shown(a.min)}, mean ${shown(a.mean)}, max ${shown(a.max)}`);
    if (a.nan) said.push(`${a.nan} NaN`);
    if (a.inf) said.push(`${a.inf} infinite`);
    if (said.length) figure.append(element("figcaption", {}, said.join("; ")));
    return figure;
  };
  const panel = (p) => {
    const box = element("div", { class: "panel", "data-array": p.array, role: "group", "aria-label": p.label }, element("figcaption", {}, p.label), heat(p.array));
    return p.sign ? [element("span", { class: "sign" }, p.sign), box] : [box];
  };

  // --- predict first: what is sent stays hidden until a number of it was typed ----------------------------------
  const question = (key) => {
    const a = arrayOf(key);
    const answer = a.corner ?? a.rows[0][a.rows[0].length - 1];
    const where = a.size === 1 ? "the number that is sent" : `the entry at the end of the first row of what is sent`;
    const field = element("input", { type: "text", inputmode: "decimal", "aria-label": where, size: "10", class: "guess" });
    const verdict = element("span", { "aria-live": "polite" });
    const check = () => {
      const guess = Number(field.value);
      const right = field.value.trim() !== "" && Math.abs(guess - answer) <= 0.01 * Math.abs(answer) + 1e-9;
      if (right) { reveal(key); return; }
      verdict.textContent = " not yet";
      verdict.className = "differ";
    };
    field.addEventListener("keydown", (event) => { event.stopPropagation(); if (event.key === "Enter") check(); });
    const sure = element("button", {}, "check");
    sure.addEventListener("click", check);
    const give = element("button", {}, "show it");
    give.addEventListener("click", () => reveal(key));
    return element("p", { class: "question" }, `Predict ${where}: `, field, " ", sure, " ", give, verdict);
  };

  // Whoever works with the keyboard is led on to the next question, or to the next step.
  const reveal = (key) => {
    revealed.add(key);
    show(now);
    (document.querySelector("input.guess") ?? by("next")).focus();
  };

  const part = (p) => {
    const box = element("div", { class: "part" });
    const hidden = by("predict").checked && p.hidden.some((key) => arrayOf(key).rows && !revealed.has(key));
    box.append(inside(p.math));
    // What the rule reads, where the line with its numbers does not say it.
    if (p.reads && p.reads.length && (hidden || !p.numbers)) {
      box.append(element("div", { class: "panels reads" }, ...p.reads.flatMap(panel)));
    }
    if (hidden) {
      box.append(question(p.hidden[0]));
      return box;
    }
    if (p.numbers) box.append(inside(p.numbers));
    box.append(element("div", { class: "panels" }, ...p.panels.flatMap(panel)));
    for (const note of p.notes) box.append(element("p", { class: "note" }, note));
    return box;
  };

  // --- one step ---------------------------------------------------------------------------------------------
  const show = (i, remember = true) => {
    now = Math.max(0, Math.min(data.steps.length - 1, i));
    const step = data.steps[now];
    by("slider").value = now;
    by("slider").setAttribute("aria-valuetext", `${step.title}, step ${now + 1}`);
    by("place").textContent = `${now + 1} of ${data.steps.length}, ${step.phase}`;
    by("step-title").textContent = step.title;
    const asked = by("predict").checked && step.parts.some((p) => p.hidden.some((key) => arrayOf(key).rows && !revealed.has(key)));
    by("twin").textContent = asked ? "Predict what is sent before it is shown." : step.text;
    by("arrives").replaceChildren(...(step.arrives ? panel(step.arrives) : []));
    by("parts").replaceChildren(...step.parts.map(part));
    by("checks").replaceChildren(...checks(step));
    by("copied").textContent = "";
    mark(step);
    if (remember && location.hash !== `#step-${now + 1}`) history.replaceState(null, "", `#step-${now + 1}`);
  };
  const checks = (step) => {
    if (!step.checks || !step.checks.length) return [];
    const rows = step.checks.map((c) => element("tr", {}, element("td", {}, c.index), element("td", {}, String(c.engine)),
      element("td", {}, String(c.quotient)), element("td", { class: c.agree ? "agree" : "differ" }, c.agree ? "agree" : "differ")));
    const head = element("tr", {}, ...["entry", "backward pass", "finite difference", ""].map((h) => element("th", {}, h)));
    return [element("table", { class: "checks" }, head, ...rows)];
  };
  const mark = (step) => {
    if (!pictures.length) return;
    const boxes = data.levels[level], picture = pictures[level];
    const reached = new Set(data.steps.slice(0, now + 1).map((s) => boxes[s.node]));
    const made = new Set(data.steps.map((s) => boxes[s.node]));
    for (const node of picture.querySelectorAll(".node")) {
      const here = node.id === boxes[step.node];
      node.classList.toggle("now", here);
      if (here) bringIntoView(node);
      node.classList.toggle("later", step.phase === "forward" && made.has(node.id) && !reached.has(node.id)
        && (node.classList.contains("operation") || node.classList.contains("result")));
    }
    const lit = new Set(step.edges.map(([a, b]) => `${boxes[a]}->${boxes[b]}`));
    for (const edge of picture.querySelectorAll(".edge")) {
      edge.classList.toggle("now", lit.has(edge.querySelector("title").textContent));
    }
  };

  // Only the graph's own frame scrolls: the page stays where the reader has put it.
  const bringIntoView = (node) => {
    const frame = by("graph"), box = node.getBoundingClientRect(), around = frame.getBoundingClientRect();
    const near = (low, high, from, to) => low < from + 60 || high > to - 60;
    if (near(box.top, box.bottom, around.top, around.bottom)) {
      frame.scrollTop += (box.top + box.bottom - around.top - around.bottom) / 2;
    }
    if (near(box.left, box.right, around.left, around.right)) {
      frame.scrollLeft += (box.left + box.right - around.left - around.right) / 2;
    }
  };

  // --- the graph: click, focus, open and close ------------------------------------------------------------------
  const stepOf = (id, boxes) => {
    const phase = data.steps[now].phase;
    const wanted = (s) => boxes[s.node] === id;
    const same = data.steps.findIndex((s) => wanted(s) && s.phase === phase);
    const any = data.steps.findIndex(wanted);
    const user = data.steps.findIndex((s) => s.edges.some(([a]) => boxes[a] === id));
    return same >= 0 ? same : any >= 0 ? any : user;
  };
  // A large graph keeps letters that can be read; its frame scrolls.
  const fit = () => {
    for (const svg of document.querySelectorAll(".picture > svg")) {
      const natural = svg.viewBox.baseVal.width * 4 / 3;
      svg.style.maxWidth = natural > 1.4 * by("graph").clientWidth ? `${0.75 * natural}px` : "100%";
      svg.style.width = svg.style.maxWidth === "100%" ? "" : `${0.75 * natural}px`;
    }
  };
  window.addEventListener("resize", fit);
  const setLevel = (to) => {
    level = Math.max(0, Math.min(pictures.length - 1, to));
    pictures.forEach((picture, i) => { picture.hidden = i !== level; });
    by("close-groups").hidden = level >= pictures.length - 1;
    by("open-groups").hidden = level === 0;
    if (pictures.length) mark(data.steps[now]);
  };
  pictures.forEach((picture, i) => {
    for (const node of picture.querySelectorAll(".node")) {
      const jump = () => {
        if (node.classList.contains("group")) setLevel(i - 1);
        const to = stepOf(node.id, data.levels[i]);
        if (to >= 0) show(to);
      };
      const label = [...node.querySelectorAll("text")].map((t) => t.textContent).join(", ");
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "button");
      node.setAttribute("aria-label", label);
      node.addEventListener("click", jump);
      node.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); jump(); }
      });
    }
  });

  // --- controls ---------------------------------------------------------------------------------------------
  const stop = () => { clearInterval(timer); timer = null; by("play").textContent = "▶ play"; };
  const play = () => {
    if (timer !== null) { stop(); return; }
    if (now === data.steps.length - 1) show(0);
    by("play").textContent = "❚❚ pause";
    timer = setInterval(() => { if (now >= data.steps.length - 1) stop(); else show(now + 1); }, 1500);
  };
  const go = {
    first: () => show(0), back: () => show(now - 1), next: () => show(now + 1), last: () => show(data.steps.length - 1),
    "to-forward": () => show(0), "to-backward": () => show(data.forward),
  };
  for (const [id, act] of Object.entries(go)) by(id).addEventListener("click", () => { stop(); act(); });
  by("play").addEventListener("click", play);
  by("slider").max = data.steps.length - 1;
  by("slider").addEventListener("input", () => { stop(); show(Number(by("slider").value)); });
  by("predict").addEventListener("change", () => { revealed.clear(); show(now); });
  by("close-groups").addEventListener("click", () => setLevel(level + 1));
  by("open-groups").addEventListener("click", () => setLevel(level - 1));
  const keys = { ArrowLeft: go.back, ArrowRight: go.next, Home: go.first, End: go.last, f: go["to-forward"], b: go["to-backward"] };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const act = keys[event.key];
    if (act) { event.preventDefault(); stop(); act(); }
    else if (event.key === " " && event.target.tagName !== "BUTTON" && event.target.type !== "checkbox") { event.preventDefault(); play(); }
  });
  by("copy").addEventListener("click", () => {
    const field = element("textarea", {});
    field.value = data.steps[now].latex;
    document.body.append(field);
    field.select();
    // The clipboard interface is closed to pages that are opened from a file.
    const done = document.execCommand("copy");
    field.remove();
    by("copied").textContent = done ? "copied" : data.steps[now].latex;
  });
  // On paper every step is told, not only the one on the screen.
  let opened = false;
  window.addEventListener("beforeprint", () => { opened = by("all-steps").open; by("all-steps").open = true; });
  window.addEventListener("afterprint", () => { by("all-steps").open = opened; });
  const linked = () => {
    const match = /^#step-(\d+)$/.exec(location.hash);
    if (match) show(Number(match[1]) - 1, false);
  };
  window.addEventListener("hashchange", linked);
  if (data.left_out) by("left-out").textContent = `Of ${data.left_out} arrays only the extremes are here, to keep the page small.`;
  fit();
  if (pictures.length) setLevel(0);
  show(0, false);
  linked();
})();
