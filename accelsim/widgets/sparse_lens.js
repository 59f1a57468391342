// The sparse lens. Patterns and sizes come from Python (accelsim/widgets/lens.py); which pairs are left, and what the PEs
// do about the others, follows from the patterns.
function render({ model, el }) {
  const data = model.get("data"), { patterns, structures, modes, letters, looks, curves } = data;
  const [M, K, N] = data.size, fills = Object.fromEntries(Object.keys(letters).map((letter, i) => [letter, looks[i]]));
  const level = (name) => clamp(model.get(name), 1, data.step);
  const sides = [["weights", "weight_structure"], ["activations", "activation_structure"]];
  const given = (name, how) => patterns[name][model.get(how)][level(name) - 1];
  const ones = (rows) => rows.reduce((sum, row) => sum + row.replaceAll("0", "").length, 0);

  function work(pairs, mode) { // what a PE does for one sum of products
    const left = pairs.filter(Boolean).length;
    if (mode === "skip") return "m".repeat(left) || "l";
    return pairs.map((pair) => (pair || mode === "dense" ? "m" : "g")).join("");
  }
  function timeline() { // all PEs wait for the slowest after each column
    const weights = given(...sides[0]), activations = given(...sides[1]), lines = weights.map(() => "");
    for (let n = 0; n < N; n++) {
      const parts = weights.map((row) => work([...row].map((bit, k) => bit === "1" && activations[k][n] === "1"), model.get("mode")));
      const longest = Math.max(...parts.map((part) => part.length));
      parts.forEach((part, i) => { lines[i] += part.padEnd(longest, "s"); });
    }
    return lines;
  }
  function left() { // MACs with no zero in them
    const weights = given(...sides[0]), activations = given(...sides[1]);
    let sum = 0;
    for (let k = 0; k < K; k++) sum += weights.filter((row) => row[k] === "1").length * ones([activations[k]]);
    return sum;
  }
  let lines = timeline();

  // --- the controls
  const say = make("p", { class: "say" }), now = make("p", { class: "chosen" });
  const spoken = announcer(() => `${say.textContent} ${now.textContent}`);
  const walk = player({ model, name: "cycle", count: () => lines[0].length, word: "Cycle", rest: spoken.say });
  const given2 = sides.map(([name, how]) => {
    const slider = range(`${name}, density`, 1, data.step, (at) => change(model, name, at));
    const structure = choice(`zeros of ${name}`, Object.entries(structures), (value) => change(model, how, value));
    const cells = patterns[name].random[0].flatMap((row) => [...row]).map(() => make("span", { class: "cell" }));
    const columns = patterns[name].random[0][0].length;
    const matrix = make("div", { class: "pes matrix", style: `--columns:${columns}`, role: "img" }, ...cells);
    const title = `${name}, ${cells.length / columns} x ${columns}`;
    const element = make("div", {}, make("p", { class: "name" }, make("b", {}, title)), slider.label,
      make("div", { class: "controls" }, structure.label), matrix);
    return { name, how, slider, structure, cells, matrix, element };
  });
  const mode = choice("A PE", Object.entries(modes), (value) => change(model, "mode", value));

  // --- what it shows
  const stack = make("div", { class: "lines" }), cursor = make("div", { class: "cursor", "aria-hidden": "true" });
  const counted = grid("counted"), left2 = grid("left"), sized = grid("sized"), curve = grid("curves");
  const chart = make("div");
  const group = make("div", {
    class: "sparse-lens", role: "group", tabindex: 0, "data-lm-suppress-shortcuts": "true", onkeydown: walk.key,
    "aria-label": "Sparse lens. Sliders set the densities; arrow keys step through the cycles, space plays.",
  },
    say, spoken.element, make("div", { class: "columns" }, ...given2.map(({ element }) => element)),
    left2.element,
    make("p", { class: "name" }, make("b", {}, "What eight PEs do, one a row of the weights")),
    make("div", { class: "controls" }, mode.label, ...walk.buttons, walk.speed), now,
    make("div", { class: "framed-lines" }, stack, cursor),
    legend(Object.values(letters).map((text, i) => [looks[i], text])),
    make("details", {}, make("summary", {}, "Table of the PEs"),
      make("div", { class: "wide-table", tabindex: 0, role: "group", "aria-label": "Table of the PEs" }, counted.element)),
    make("div", { class: "wide-table", tabindex: 0, role: "group", "aria-label": "Table of formats" }, sized.element),
    make("p", { class: "name" }, `Bits a word that a format is expected to take, over density (${data.shape.join(" x ")} values of 8 bits, zeros anywhere)`),
    chart,
    make("details", {}, make("summary", {}, "Table of the curves"),
      make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of the curves" }, curve.element)));
  el.classList.add("accelsim-view", "sparse_lens");
  el.append(group);

  const words = data.shape[0] * data.shape[1];
  curve.set("Bits a word by density", ["density", ...curves.map(({ name }) => name)],
    curves[0].bits.map((_, at) => [`${100 * at / data.step} %`, ...curves.map(({ bits }) => (bits[at] / words).toFixed(2))]));

  const x = (at) => 50 + 420 * at / data.step, marker = draw("path", { class: "here-line" });
  function plot() { // drawn once; the marker moves
    const y = (bits) => 200 - 180 * Math.min(bits / words, 12) / 12;
    const dashes = ["", "8 4", "2 3", "10 3 2 3", "5 2"];
    const lines = curves.map(({ bits }, i) => draw("path", {
      class: `curve k${i}`, "stroke-dasharray": dashes[i],
      d: bits.map((value, at) => `${at ? "L" : "M"}${x(at)} ${y(value).toFixed(1)}`).slice(0, 1 + bits.findLastIndex((value) => value / words <= 12)).join(""),
    }));
    const ends = curves.map(({ name, bits }, i) => {
      const last = bits.findLastIndex((value) => value / words <= 12);
      return draw("text", { x: x(last) + 6, y: y(bits[last]) + 4 + (last < data.step ? -8 : 0) }, name);
    });
    chart.replaceChildren(draw("svg", {
      viewBox: "0 0 600 240", class: "chart", role: "img", "aria-label": "Bits a word of each format over density; the table below holds the points",
    },
      draw("path", { class: "axis", d: "M50 15V200H475" }),
      ...[0, 4, 8, 12].map((bits) => draw("text", { x: 42, y: y(bits * words) + 4, "text-anchor": "end" }, String(bits))),
      ...[0, 5, 10, 15, 20].map((place) => draw("text", { x: x(place), y: 217, "text-anchor": "middle" }, `${5 * place} %`)),
      draw("text", { x: 262, y: 236, "text-anchor": "middle" }, "density of the tensor"),
      marker, ...lines, ...ends));
  }
  function sentence() {
    const total = M * K * N, found = left();
    const densities = sides.map(([name, how]) => [name, ones(given(name, how)) / given(name, how).join("").length, structures[model.get(how)]]);
    const expected = densities[0][1] * densities[1][1] * total;
    const independent = expected >= 999.5 ? whole(Math.round(expected)) : short(expected);
    const cycles = lines[0].length, busy = lines.join("").replace(/[^m]/g, "").length;
    say.textContent = `${densities.map(([name, share, text]) => `${name} ${percent(share)} (${text})`).join(", ")}: `
      + `${whole(found)} of ${whole(total)} MACs are left; independent zeros would leave ${independent}. `
      + `${modes[model.get("mode")]}: ${cycles} cycles of ${K * N}, ${(K * N / cycles).toFixed(2)} times as fast; `
      + `PEs multiply in ${percent(busy / M / cycles)} of them.`;
    left2.set("MACs left, and what independent zeros would leave", ["", "MACs", "of all"], [
      ["really left", whole(found), percent(found / total)], ["if independent", independent, percent(expected / total)],
    ]);
  }
  function step() {
    const number = walk.at(), text = lines.map((line) => line[number - 1]), cycles = lines[0].length;
    const found = Object.entries(letters).map(([letter, name]) => [text.filter((other) => other === letter).length, name]);
    const busy = found.filter(([count]) => count).map(([count, name]) => `${name} ${count}`).join("; ");
    now.textContent = `Cycle ${number} of ${cycles}. PEs by what they do: ${busy}.`;
    cursor.style.left = `${100 * (number - 1) / cycles}%`;
    cursor.style.width = `${100 / cycles}%`;
    walk.show();
  }
  function show() {
    lines = timeline();
    for (const { name, how, slider, structure, cells, matrix } of given2) {
      const rows = given(name, how), share = percent(ones(rows) / cells.length);
      slider.set(level(name), share);
      structure.select.value = model.get(how);
      const bits = rows.join("");
      cells.forEach((cell, i) => cell.classList.toggle("f0", bits[i] === "1"));
      matrix.setAttribute("aria-label", `${name}: ${share} nonzero, ${structures[model.get(how)]}`);
    }
    mode.select.value = model.get("mode");
    sentence();
    stack.replaceChildren(...lines.map((line) => bar([...line.matchAll(/(.)\1*/g)].map(([run]) => ({ fill: fills[run[0]], value: run.length })), line.length)));
    counted.set("Cycles of each PE", ["PE", ...Object.values(letters)], lines.map((line, i) => [
      `PE ${i}`, ...Object.keys(letters).map((letter) => line.split(letter).length - 1),
    ]));
    const sizes = data.sizes[model.get("weight_structure")][level("weights") - 1];
    sized.set(data.sized, data.heads, curves.map(({ name, bits, meets }, i) => [
      name, whole(sizes[i]), (sizes[i] / (M * K)).toFixed(2), (bits[level("weights")] / words).toFixed(2), meets.length ? `${meets[0]} %` : "",
    ]));
    marker.setAttribute("d", `M${x(level("weights"))} 15V200`);
    step();
  }
  const leave = follow(model, { weights: show, activations: show, weight_structure: show, activation_structure: show, mode: show, cycle: step });
  plot();
  show();
  return () => {
    walk.stop();
    spoken.stop();
    leave();
  };
}

export default { render };
