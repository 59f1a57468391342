// The tile packer. What moves is worked out here for a nest of two levels, in the closed form of accelsim.dataflow; tests
// hold every number to Python's. A dimension has one loop over its tiles, the last tile clipped.

// How a dimension stands before and now, over all steps in which the loop at place `carry` of the order moves (-1: every
// position, without a before): [start, length] pairs, and how often it happens for tensors that it does not index.
function relations(dim, size, tile, place, carry) {
  const count = Math.ceil(size / tile), at = (i) => [i * tile, Math.min(tile, size - i * tile)];
  const indices = Array.from({ length: count }, (_, i) => i);
  if (carry < 0 || place < carry) return indices.map((i) => [at(i), at(i)]);
  if (place === carry) return indices.slice(1).map((i) => [at(i - 1), at(i)]);
  return [[at(count - 1), at(0)]];
}

function reach(terms, boxes) { // the coordinates of an axis that a box of its dimensions touches
  let points = [0];
  terms.forEach(([, coefficient], i) => {
    const [start, length] = boxes[i], next = new Set();
    for (const point of points) for (let j = start; j < start + length; j++) next.add(point + coefficient * j);
    points = [...next];
  });
  return new Set(points);
}

function common(a, b) {
  let shared = 0;
  for (const point of b) shared += a.has(point) ? 1 : 0;
  return shared;
}

function combinations(lists) {
  return lists.reduce((found, list) => found.flatMap((head) => list.map((item) => [...head, item])), [[]]);
}

const known = new Map(); // sums over positions, by all that they depend on

function held(terms, moves) { // words of an axis now that were there before, over all combinations of positions
  if (terms.length === 1) {
    return moves[0].reduce((sum, [[a, n], [b, m]]) => sum + Math.max(0, Math.min(a + n, b + m) - Math.max(a, b)), 0);
  }
  return combinations(moves).reduce((sum, pairs) => {
    const before = reach(terms, pairs.map(([box]) => box)), same = pairs.every(([a, b]) => a[0] === b[0]);
    return sum + (same ? before.size : common(before, reach(terms, pairs.map(([, box]) => box))));
  }, 0);
}

function axis(terms, dims, tile, places, carry) {
  const role = (dim) => (carry < 0 || places[dim] < carry ? "o" : places[dim] === carry ? "k" : "i");
  const key = terms.map(([dim, coefficient]) => `${coefficient}.${dims[dim]}.${tile[dim]}${role(dim)}`).join();
  if (!known.has(key)) {
    known.set(key, held(terms, terms.map(([dim]) => relations(dim, dims[dim], tile[dim], places[dim], carry))));
  }
  return known.get(key);
}

function moved(tensor, dims, tile, order) { // words that enter the buffer, over all steps
  const tiled = order.filter((dim) => tile[dim] < dims[dim]);
  const places = Object.fromEntries(Object.keys(dims).map((dim) => [dim, tiled.indexOf(dim)]));
  const mine = new Set(tensor.ranks.flat().map(([dim]) => dim));
  const sum = (carry) => {
    const words = tensor.ranks.reduce((product, terms) => product * axis(terms, dims, tile, places, carry), 1);
    const others = tiled.filter((dim) => !mine.has(dim));
    return others.reduce((product, dim) => product * relations(dim, dims[dim], tile[dim], places[dim], carry).length, words);
  };
  return sum(-1) - tiled.reduce((stays, _, carry) => stays + sum(carry), 0);
}

function box(tensor, extent) {
  return tensor.ranks.reduce((product, terms) => product * reach(terms, terms.map(([dim]) => [0, extent[dim]])).size, 1);
}

function alone(tensor, tile, dims) { // words that the next tile along a sliding axis does not hold
  return tensor.ranks.reduce((product, terms) => {
    const points = reach(terms, terms.map(([dim]) => [0, tile[dim]])), [first, coefficient] = terms[0];
    if (terms.length === 1 || tile[first] >= dims[first]) return product * points.size;
    return product * [...points].filter((point) => !points.has(point - coefficient * tile[first])).length;
  }, 1);
}

// Everything the view shows of one state.
function pack(data, { tile, order, double, wide }) {
  const dims = Object.fromEntries(data.dims), copies = double ? 2 : 1;
  const tensors = data.tensors.map((tensor) => {
    const words = box(tensor, tile), bits = (wide && tensor.wide) || data.word;
    const entered = moved(tensor, dims, tile, order), whole = tensor.output ? box(tensor, dims) : 0;
    return {
      name: tensor.name, words, halo: words - alone(tensor, tile, dims), bits, room: copies * words * bits / data.word,
      reads: entered - whole, writes: tensor.output ? entered : 0,
    };
  });
  const need = Math.ceil(tensors.reduce((sum, { room }) => sum + room, 0));
  const traffic = tensors.reduce((sum, { reads, writes }) => sum + reads + writes, 0);
  return { tensors, need, traffic, fits: need <= data.capacity };
}

// Sizes worth trying: the smallest for each number of tiles.
function sizes(size) {
  const found = new Set();
  for (let tile = 1; tile <= size; tile++) found.add(Math.ceil(size / Math.ceil(size / tile)));
  return [...found].sort((a, b) => a - b);
}

function render({ model, el }) {
  const data = model.get("data"), dims = Object.fromEntries(data.dims), names = data.dims.map(([dim]) => dim);
  const inside = (tile) => Object.fromEntries(data.dims.map(([dim, size]) => [dim, clamp(tile?.[dim] ?? size, 1, size)]));
  const state = () => ({
    tile: inside(model.get("tile")), order: model.get("order").split(" "), double: model.get("double"), wide: model.get("wide"),
  });

  // --- the controls
  const sliders = data.dims.filter(([, size]) => size > 1).map(([dim, size]) => {
    const control = range(`tile of ${dim}`, 1, size, (value) => {
      model.set("swept", dim);
      change(model, "tile", { ...inside(model.get("tile")), [dim]: value });
    });
    return { dim, size, ...control };
  });
  const order = choice("Order of tiles", data.orders.map(([text, name]) => [text, `${text} (${name})`]), (text) => change(model, "order", text));
  const twice = tick("double buffered", (on) => change(model, "double", on));
  const broad = data.tensors.filter(({ wide }) => wide).map(({ name, wide }) => `${name} of ${wide} bits`).join(", ");
  const wider = tick(broad, (on) => change(model, "wide", on));
  const swept = choice("Curve over", sliders.map(({ dim }) => [dim, `tile of ${dim}`]), (dim) => change(model, "swept", dim));

  // --- what it shows
  const say = make("p", { class: "say" }), spoken = announcer(() => say.textContent);
  const stack = make("div", { class: "packed" });
  const nest = make("pre", { class: "nest" });
  const table = grid("words"), curve = grid("curve-table");
  const chart = make("div", { class: "charted" });
  const names3 = data.tensors.map(({ name }, i) => [i, name]);
  const group = make("div", {
    class: "tile-packer", role: "group", "data-lm-suppress-shortcuts": "true",
    "aria-label": `Tile packer, ${data.title}. Sliders set the size of a tile.`,
  },
    make("p", { class: "title" }, data.title), say, spoken.element,
    stack, legend([...names3, ["6", "free"], ["0 halo", "held by the next tile too (halo)"], ["0 again", "second copy"]]),
    make("div", { class: "columns" },
      make("div", {}, ...sliders.map(({ label }) => label),
        make("div", { class: "controls" }, order.label, twice.label, wider.label)),
      make("div", {}, nest)),
    make("div", { class: "wide-table", tabindex: 0, role: "group", "aria-label": "Words of each tensor" }, table.element),
    make("div", { class: "controls" }, swept.label, make("span", { class: "note" },
      "DRAM traffic in words; dot: fits, cross: does not; dashed: the least possible; the ring is where you are")), chart,
    make("details", {}, make("summary", {}, "Table of the curve"),
      make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of the curve" }, curve.element)));
  el.classList.add("accelsim-view", "tile_packer");
  el.append(group);

  function pieces({ tensors, need }) {
    const most = Math.max(need, data.capacity), copies = model.get("double") ? 2 : 1;
    const parts = tensors.flatMap(({ name, room, halo, words }, fill) => {
      const one = room / copies, shared = one * halo / words;
      const first = [{ fill, value: one - shared, text: name }, { fill, more: " halo", value: shared, title: `${name}, halo` }];
      return copies === 1 ? first : [...first, { fill, more: " again", value: one, text: `${name} again` }];
    });
    const filled = bar([...parts, { fill: 6, value: data.capacity - need, text: "free" }], most);
    const at = 100 * data.capacity / most;
    const edge = make("div", { class: at < 30 ? "edge early" : "edge", style: `width:${at}%`, "aria-hidden": "true" }, make("b", {}, `${whole(data.capacity)} words`));
    stack.replaceChildren(edge, filled);
  }
  function loops({ tile, order }) {
    const outer = order.filter((dim) => tile[dim] < dims[dim]).map((dim) => [dim, Math.ceil(dims[dim] / tile[dim])]);
    const inner = names.filter((dim) => tile[dim] > 1).map((dim) => [dim, tile[dim]]);
    const text = (level, list) => `${level}:${list.map(([dim, bound]) => ` ${dim}${bound}`).join("")}`;
    const lines = [`${text("DRAM", outer)} | ${text("buffer", inner)}`, "", "DRAM keeps all"];
    let depth = 0;
    const add = (list) => list.forEach(([dim, bound]) => lines.push(`${"  ".repeat(depth++)}for ${dim} in 0..${bound - 1}`));
    add(outer);
    lines.push(`${"  ".repeat(depth)}buffer keeps all`);
    add(inner);
    nest.textContent = [...lines, `${"  ".repeat(depth)}MAC`].join("\n");
  }
  function tabled({ tensors, need }) {
    const columns = tensors.map((t) => [t.words, t.halo, Math.ceil(t.room), t.reads, t.writes]);
    const sums = columns[0].map((_, i) => columns.reduce((sum, line) => sum + line[i], 0));
    sums[2] = need;
    const lines = [...columns, sums].map((line, i) => [tensors[i]?.name ?? "total", ...line.map(whole)]);
    table.set("Words of a tile, and words moved", ["tensor", "tile words", "of them halo", "room in words", "read from DRAM", "written to DRAM"], lines);
  }
  function sentence({ tensors, need, traffic, fits }) {
    const largest = tensors.reduce((most, tensor) => (tensor.room > most.room ? tensor : most));
    const spare = data.capacity - need;
    const first = fits
      ? `It fits: ${whole(need)} of ${whole(data.capacity)} words, ${whole(spare)} to spare.`
      : `It does not fit: ${whole(need)} words for ${whole(data.capacity)}, ${whole(-spare)} too many. ${largest.name} takes most, ${whole(Math.ceil(largest.room))}.`;
    say.textContent = `${first} DRAM moves ${whole(traffic)} words, ${(traffic / data.least).toFixed(2)} times the least possible.`;
    say.classList.toggle("bad", !fits);
  }
  function plot(now) {
    const dim = model.get("swept"), current = now.tile[dim];
    const all = [...new Set([...sizes(dims[dim]), current])].sort((a, b) => a - b);
    const points = all.map((size) => ({ size, ...pack(data, { ...now, tile: { ...now.tile, [dim]: size } }) }));
    const most = Math.max(...points.map(({ traffic }) => traffic));
    const x = (size) => 70 + 500 * Math.log2(size) / Math.log2(dims[dim]), y = (words) => 190 - 165 * words / most;
    const dot = ({ size, traffic, fits }) => (fits
      ? draw("circle", { cx: x(size), cy: y(traffic), r: 4, class: "yes" })
      : draw("path", { d: `M${x(size) - 4} ${y(traffic) - 4}l8 8m0-8l-8 8`, class: "no" }));
    const here = points.find(({ size }) => size === current);
    chart.replaceChildren(draw("svg", {
      viewBox: "0 0 600 238", class: "chart", role: "img",
      "aria-label": `DRAM traffic over the tile of ${dim}; the table below holds its ${points.length} points`,
    },
      draw("path", { class: "axis", d: "M70 15V190H585" }),
      draw("text", { x: 64, y: 32, "text-anchor": "end" }, short(most)), draw("text", { x: 64, y: 194, "text-anchor": "end" }, "0"),
      draw("text", { x: 70, y: 208, "text-anchor": "middle" }, "1"), draw("text", { x: 570, y: 208, "text-anchor": "middle" }, String(dims[dim])),
      draw("text", { x: 325, y: 230, "text-anchor": "middle" }, `tile of ${dim}, doubling to the right`),
      draw("path", { class: "least", d: `M70 ${y(data.least)}H585` }),
      draw("path", { class: "curve", d: points.map(({ size, traffic }, i) => `${i ? "L" : "M"}${x(size).toFixed(1)} ${y(traffic).toFixed(1)}`).join("") }),
      ...points.map(dot), draw("circle", { class: "here", "data-words": short(here.traffic), cx: x(current), cy: y(here.traffic), r: 8 })));
    curve.set(`DRAM traffic over the tile of ${dim}`, [`tile of ${dim}`, "tiles", "words needed", "fits", "DRAM words"],
      points.map((p) => [p.size, Math.ceil(dims[dim] / p.size), whole(p.need), p.fits ? "yes" : "no", whole(p.traffic)]));
  }
  function show() {
    const now = state(), packed = pack(data, now);
    for (const { dim, size, set } of sliders) {
      const tile = now.tile[dim], count = Math.ceil(size / tile), last = size - (count - 1) * tile;
      set(tile, `${tile} of ${size}: ${count} tile${count > 1 ? "s" : ""}${last < tile ? `, last ${last}` : ""}`);
    }
    order.select.value = now.order.join(" ");
    twice.box.checked = now.double;
    wider.box.checked = now.wide;
    swept.select.value = model.get("swept");
    sentence(packed);
    pieces(packed);
    loops(now);
    tabled(packed);
    plot(now);
    spoken.say();
  }
  const leave = follow(model, { tile: show, order: show, double: show, wide: show, swept: show });
  show();
  return () => {
    spoken.stop();
    leave();
  };
}

export default { render };
