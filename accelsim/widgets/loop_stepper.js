// The loop stepper. All numbers come from Python (accelsim/widgets/stepper.py): `data.orders[i].uses[t]` holds 16 bits
// for each MAC and tensor: the word's address (12 bits), and whether the word changed, is used for the first time, is
// used for the last time. What is counted here are those bits.
const ADDRESS = 0xfff, CHANGED = 1 << 12, FIRST = 1 << 13, LAST = 1 << 14;

function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => bytes[2 * i] | (bytes[2 * i + 1] << 8));
}

// The digits of a number whose places count `sizes`, the last place fastest: loop indices, or a word's coordinates.
function digits(number, sizes) {
  const out = new Array(sizes.length);
  for (let i = sizes.length - 1; i >= 0; i--) {
    out[i] = number % sizes[i];
    number = Math.floor(number / sizes[i]);
  }
  return out;
}

function place(tensor, address) {
  const size = tensor.rows * tensor.cols, word = address % size;
  const [x, y] = tensor.tiles[Math.floor(address / size)];
  return [x + (word % tensor.cols) * tensor.cell, y + Math.floor(word / tensor.cols) * tensor.cell];
}

function marks(tensor, addresses, crossed) {
  const side = tensor.cell, cross = crossed ? `m-${side} 0l${side} ${side}` : "";
  return addresses.map((address) => {
    const [x, y] = place(tensor, address);
    return `M${x} ${y}h${side}v${side}h-${side}zm0 ${side}l${side} -${side}${cross}`;
  }).join("");
}

// What one tensor shows after `done` MACs.
function tally(uses, done) {
  const state = new Map(), counts = { distinct: 0, reuses: 0, changes: 0, keep: 0, peak: 0 };
  for (let i = 0; i < done; i++) {
    const use = uses[i];
    counts.distinct += use & FIRST ? 1 : 0;
    counts.changes += use & CHANGED ? 1 : 0;
    counts.keep += (use & FIRST ? 1 : 0) - (use & LAST ? 1 : 0);
    counts.peak = Math.max(counts.peak, counts.keep);
    state.set(use & ADDRESS, Boolean(use & LAST));
  }
  counts.reuses = done - counts.distinct;
  const addresses = [...state.keys()].sort((a, b) => a - b);
  return { counts, seen: addresses.filter((a) => !state.get(a)), spent: addresses.filter((a) => state.get(a)) };
}

function render({ model, el }) {
  const data = model.get("data"), { tensors, macs } = data;
  const orders = new Map(
    data.orders.map((order) => [order.loops.join(" "), { ...order, uses: order.uses.map(unpack) }]),
  );
  let marked = null;

  const order = () => orders.get(model.get("order")) ?? orders.values().next().value;
  const loops = () => order().loops;
  const indices = (number) => digits(number - 1, loops().map((loop) => data.bounds[loop]));
  const words = (number) => tensors.map((t, i) => digits(order().uses[i][number - 1] & ADDRESS, t.shape));
  const sentence = (number) => {
    const used = words(number).map((word, i) => `${tensors[i].name}[${word.join(" ")}]`);
    return `${used.pop()} += ${used.join(" * ")}`;
  };

  // --- the controls
  const spoken = announcer(() => now.textContent);
  const walk = player({ model, name: "step", count: () => macs, word: "MAC", rest: spoken.say });
  const named = [...orders].map(([text, { name }]) => [text, `${text} (${name})`]);
  const { select, label } = choice("Loop order", named, (text) => change(model, "order", text));

  // --- what it shows
  const now = make("p", { class: "now-line" });
  const nest = make("ol", { class: "nest", "aria-label": "Loop nest" });
  const pictures = tensors.map((tensor) => {
    const words = `${tensor.shape.join(" x ") || 1}, ${tensor.words} words used`;
    const name = make("p", { class: "name" }, make("b", {}, tensor.text), ` ${words}; ${tensor.caption}`);
    const scrolls = { class: "frame wide", tabindex: 0, role: "group", "aria-label": `Words of ${tensor.name}` };
    const frame = make("div", tensor.wide ? scrolls : { class: "frame" });
    frame.innerHTML = tensor.svg;
    return make("div", { class: "tensor" }, name, frame);
  });
  const grids = make("div", { class: "grids" }, ...pictures, make("p", { class: "note" }, data.legend));
  const cells = Object.keys(data.measures).map(() => tensors.map(() => make("td")));
  const head = make("tr", {}, make("td"), ...tensors.map((t) => make("th", { scope: "col" }, t.name)));
  const rows = Object.values(data.measures).map(
    (text, i) => make("tr", {}, make("th", { scope: "row" }, text), ...cells[i]),
  );
  const done = make("caption");
  const counters = make("table", { class: "counters" }, done, make("thead", {}, head), make("tbody", {}, ...rows));
  const steps = make("table", { class: "steps" });
  const frame = make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of all MACs" }, steps);
  const details = make("details", { ontoggle: () => list() }, make("summary", {}, `Table of all ${macs} MACs`), frame);

  const group = make("div", {
    class: "loop-stepper", role: "group", tabindex: 0, "data-lm-suppress-shortcuts": "true", onkeydown: walk.key,
    "aria-label": `Loop stepper, ${data.title}. Arrow keys step, Home and End jump, space plays.`,
  },
    make("p", { class: "title" }, data.title),
    make("div", { class: "controls" }, ...walk.buttons, label, walk.speed),
    now, spoken.element,
    make("div", { class: "parts" }, nest, grids, counters),
    make("p", { class: "note" }, data.note), details);
  el.classList.add("accelsim-view", "loop_stepper");
  el.append(group);

  // --- drawing
  function show() {
    const number = walk.at(), text = `MAC ${number} of ${macs}`;
    now.textContent = `${text}: ${sentence(number)}`;
    done.textContent = `After MAC ${number}`;
    loop(number);
    const coordinates = words(number);
    tensors.forEach((tensor, i) => {
      const { counts, seen, spent } = tally(order().uses[i], number);
      const values = { ...counts, now: `[${coordinates[i].join(" ")}]` };
      Object.keys(data.measures).forEach((name, row) => { cells[row][i].textContent = values[name]; });
      const svg = pictures[i].querySelector("svg");
      svg.querySelector(".seen").setAttribute("d", marks(tensor, seen, false));
      svg.querySelector(".spent").setAttribute("d", marks(tensor, spent, true));
      const [x, y] = place(tensor, order().uses[i][number - 1] & ADDRESS);
      svg.querySelector(".now").setAttribute("transform", `translate(${x} ${y})`);
      if (tensor.wide) svg.parentElement.scrollLeft = x - svg.parentElement.clientWidth / 2;
    });
    mark(number);
    walk.show();
  }
  function loop(number) {
    const at = indices(number), before = number > 1 ? indices(number - 1) : at;
    nest.replaceChildren(...loops().map((name, depth) => make("li", {
      style: `padding-left:${2 * depth}ch`, ...(at[depth] !== before[depth] ? { class: "moved" } : {}),
    }, `for ${name} in range(${data.bounds[name]}):  `, make("b", {}, `${name}=${at[depth]}`))),
    make("li", { style: `padding-left:${2 * loops().length}ch`, class: "body" }, data.equation));
  }
  function list() { // the table is built when opened, and again for another order
    marked = null;
    steps.replaceChildren();
    if (!details.open) return;
    const heads = ["MAC", ...loops(), ...tensors.map((t) => t.name)];
    const body = make("tbody");
    for (let number = 1; number <= macs; number++) {
      const row = body.insertRow();
      row.append(make("th", { scope: "row" }, String(number)));
      for (const index of indices(number)) row.insertCell().textContent = index;
      for (const word of words(number)) row.insertCell().textContent = word.join(" ");
    }
    steps.append(make("caption", {}, `Loop order ${loops().join(" ")}: loop indices, and the word of each tensor`),
      make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)))), body);
    mark(walk.at());
  }
  function mark(number) {
    marked?.removeAttribute("aria-current");
    marked = steps.tBodies[0]?.rows[number - 1] ?? null;
    marked?.setAttribute("aria-current", "step");
    if (marked && !walk.playing()) frame.scrollTop = marked.offsetTop - frame.clientHeight / 2;
  }
  function reorder() {
    select.value = order().loops.join(" ");
    list();
    show();
  }
  const leave = follow(model, { step: show, order: reorder });
  reorder();
  return () => {
    walk.stop();
    spoken.stop();
    leave();
  };
}

export default { render };
