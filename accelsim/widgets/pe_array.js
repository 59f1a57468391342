// The PE-array player. All numbers come from a Timeline (accelsim/timeline.py); what is added up here are its letters and
// its counters.
const WIDTH = 600, HEIGHT = 60; // of the strip, in units of its drawing

function render({ model, el }) {
  const data = model.get("data"), { rows: tall, columns: wide, states, traffic, works, letters, looks } = data;
  const cycles = states.length, pes = tall * wide, counters = Object.keys(traffic);
  const tally = states.map((text) => {
    const found = {};
    for (const letter of text) found[letter] = (found[letter] ?? 0) + 1;
    return found;
  });
  const seen = Object.keys(letters).filter((letter) => tally.some((found) => found[letter]));
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const busy = tally.map((found) => sum([...data.busy].map((letter) => found[letter] ?? 0)));
  const running = (numbers) => {
    let total = 0;
    return numbers.map((number) => (total += number));
  };
  const macs = running(busy), moved = counters.map((name) => running(traffic[name]));
  const place = () => {
    const [row, column] = model.get("pe") ?? [0, 0];
    return [clamp(row, 0, tall - 1), clamp(column, 0, wide - 1)];
  };

  function doing(number, row, column) { // what a PE does, in words
    const pe = row * wide + column, letter = states[number - 1][pe];
    if (data.notes) return letters[letter] + (data.notes[number - 1][pe] && `: ${data.notes[number - 1][pe]}`);
    if (!data.busy.includes(letter)) return letters[letter];
    const at = works.when[number - 1].map((offset, i) => offset + works.where[pe][i]);
    const words = Object.entries(works.words).map(
      ([name, axes]) => `${name}[${axes.map((axis) => sum(axis.map(([dim, coefficient]) => coefficient * at[dim]))).join(" ")}]`,
    );
    return `${letters[letter]}: ${words.pop()} += ${words.join(" * ")}`;
  }

  // --- the controls
  const say = make("p", { class: "say" }), chosen = make("p", { class: "chosen" });
  const spoken = announcer(() => `${say.textContent} ${chosen.textContent}`);
  const walk = player({ model, name: "cycle", count: () => cycles, word: "Cycle", rest: spoken.say });
  const numbers = (count) => Array.from({ length: count }, (_, i) => [i, i]);
  const row = choice("PE row", numbers(tall), (value) => change(model, "pe", [Number(value), place()[1]]));
  const column = choice("column", numbers(wide), (value) => change(model, "pe", [place()[0], Number(value)]));

  // --- what it shows
  const cells = Array.from({ length: pes }, (_, i) => make("span", {
    class: "cell", onclick: () => change(model, "pe", [Math.floor(i / wide), i % wide]),
  }));
  const array = make("div", { class: "pes", style: `--columns:${wide}`, role: "img" }, ...cells);
  const use = draw("path", { class: "use", d: steps() });
  const cursor = draw("rect", { class: "cursor", y: -2, height: HEIGHT + 4, width: Math.max(2, WIDTH / cycles) });
  const strip = draw("svg", {
    class: "chart strip", viewBox: `0 -2 ${WIDTH} ${HEIGHT + 4}`, preserveAspectRatio: "none", role: "img",
    "aria-label": "Share of PEs that multiply, over the cycles shown; the table of all cycles holds the numbers",
    onclick: (event) => walk.move(Math.ceil(cycles * event.offsetX / strip.clientWidth)),
  }, use, cursor);
  const counted = grid("counters"), kinds = grid("kinds"), all = grid("cycles");
  const frame = make("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table of all cycles" }, all.element);
  const details = make("details", { ontoggle: () => list() }, make("summary", {}, `Table of all ${cycles} cycles`), frame);
  const tables = counters.length ? [kinds.element, counted.element] : [kinds.element];
  const group = make("div", {
    class: "pe-array", role: "group", tabindex: 0, "data-lm-suppress-shortcuts": "true", onkeydown: walk.key,
    "aria-label": `PE-array player, ${data.title}. Arrow keys step, Home and End jump, space plays.`,
  },
    make("p", { class: "title" }, data.title),
    make("div", { class: "controls" }, ...walk.buttons, walk.speed),
    say, spoken.element,
    make("div", { class: "columns" },
      make("div", {}, array, legend(seen.map((letter) => [looks[letter], letters[letter]]), ""),
        make("div", { class: "controls" }, row.label, column.label), chosen),
      make("div", { class: "tables" }, ...tables)),
    make("p", { class: "name" }, `Utilization: the share of the ${pes} PEs that multiply, cycle by cycle (full height: all)`),
    strip, details);
  el.classList.add("accelsim-view", "pe_array");
  el.append(group);

  function steps() { // a step for each change
    let path = `M0 ${HEIGHT}`;
    busy.forEach((count, i) => {
      if (count !== busy[i + 1]) path += `V${HEIGHT * (1 - count / pes)}H${WIDTH * (i + 1) / cycles}`;
    });
    return `${path}V${HEIGHT}Z`;
  }
  function show() {
    const number = walk.at(), text = states[number - 1], [r, c] = place();
    const mean = macs[number - 1] / pes / number;
    const last = data.origin ? whole(data.total) : `0 to ${whole(data.total - 1)}`; // as the run's own cycles count
    say.textContent = `Cycle ${whole(data.first + data.origin - 1 + number)} of ${last}: ${busy[number - 1]} of ${pes} PEs multiply, `
      + `${percent(busy[number - 1] / pes)}. So far ${percent(mean)} on average.`;
    chosen.textContent = `PE row ${r}, column ${c}: ${doing(number, r, c)}`;
    cells.forEach((cell, i) => {
      const look = `cell ${looks[text[i]]}${i === r * wide + c ? " picked" : ""}`;
      if (cell.className !== look) cell.className = look;
    });
    array.setAttribute("aria-label", `PEs of the array: ${seen.map((letter) => `${tally[number - 1][letter] ?? 0} ${letters[letter]}`).join("; ")}`);
    row.select.value = r;
    column.select.value = c;
    cursor.setAttribute("x", Math.min(WIDTH - 2, WIDTH * (number - 1) / cycles));
    kinds.set("PEs by state", ["state", "this cycle", "all shown"], seen.map((letter) => [
      letters[letter], tally[number - 1][letter] ?? 0, whole(sum(tally.map((found) => found[letter] ?? 0))),
    ]));
    counted.set("Words moved", ["counter", "this cycle", "so far", "all shown"], counters.map((name, i) => [
      name, whole(traffic[name][number - 1]), whole(moved[i][number - 1]), whole(moved[i][cycles - 1]),
    ]));
    mark(number);
    walk.show();
  }
  let marked = null;
  function list() { // the table is built when it is opened
    if (!details.open || all.body.rows.length) return;
    const heads = ["cycle", ...seen.map((letter) => letters[letter]), "multiplying", ...counters];
    all.set("What the PEs do, and the words moved", heads, states.map((_, i) => [
      data.first + data.origin + i, ...seen.map((letter) => tally[i][letter] ?? 0), percent(busy[i] / pes), ...counters.map((name) => whole(traffic[name][i])),
    ]));
    mark(walk.at());
  }
  function mark(number) {
    marked?.removeAttribute("aria-current");
    marked = all.body.rows[number - 1] ?? null;
    marked?.setAttribute("aria-current", "step");
    if (marked && !walk.playing()) frame.scrollTop = marked.offsetTop - frame.clientHeight / 2;
  }
  const leave = follow(model, { cycle: show, pe: show });
  show();
  return () => {
    walk.stop();
    spoken.stop();
    leave();
  };
}

export default { render };
