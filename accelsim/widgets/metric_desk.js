// The metric desk. The rules are those of accelsim/widgets/desk.py, which tests hold this to, state by state.
function say(value) { // a figure with at most one decimal, or two below 1
  const text = value.toFixed(value < 1 ? 2 : 1);
  return text.replace(/0+$/, "").replace(/\.$/, "");
}

function judge(system, asked) {
  const { upload } = system, link = upload ? ` over ${say(asked.link)} Mbit/s` : "";
  const fps = upload ? Math.min(system.fps, asked.link / upload) : system.fps;
  const latency = upload ? system.latency + (asked.link ? 1000 * upload / asked.link : Infinity) : system.latency;
  const power = asked.fps * system.energy;
  const checks = [
    [power > asked.power, () => `${say(power)} mW at ${say(asked.fps)} fps, allowed ${say(asked.power)}`],
    [system.area > asked.area, () => `${say(system.area)} mm², allowed ${say(asked.area)}`],
    [system.accuracy < asked.accuracy, () => `accuracy ${say(system.accuracy)} %, asked ${say(asked.accuracy)} %`],
  ];
  if (upload && !asked.link) checks.unshift([true, () => `sends ${say(upload)} Mbit a frame, and there is no link`]);
  else {
    checks.unshift([fps < asked.fps, () => `${say(fps)} fps${link}, asked ${say(asked.fps)}`],
      [latency > asked.latency, () => `${say(latency)} ms${link}, allowed ${say(asked.latency)}`]);
  }
  const reasons = checks.filter(([failed]) => failed).map(([, text]) => text());
  const figures = [say(fps), latency === Infinity ? "never" : say(latency), say(system.energy), say(power), say(system.area), say(system.accuracy)];
  return { reasons, figures };
}

function render({ model, el }) {
  const { systems, presets, sliders, heads, note } = model.get("data");
  const asked = () => ({ ...Object.values(presets)[0], ...model.get("limits") });

  // --- the controls
  const same = (limits) => Object.entries(limits).every(([name, value]) => asked()[name] === value);
  const buttons = Object.entries(presets).map(([name, limits]) =>
    [limits, make("button", { type: "button", onclick: () => change(model, "limits", { ...limits }) }, name)]);
  const controls = Object.entries(sliders).map(([name, [text, unit, steps]]) => {
    const control = range(text, 0, steps.length - 1, (at) => change(model, "limits", { ...asked(), [name]: steps[at] }));
    const place = (value) => steps.reduce((best, step, i) => (Math.abs(step - value) < Math.abs(steps[best] - value) ? i : best), 0);
    return { name, label: control.label, set: (value) => control.set(place(value), `${say(value)} ${unit}`) };
  });

  // --- what it shows
  const told = make("p", { class: "say" }), spoken = announcer(() => told.textContent);
  const cards = systems.map((system) => {
    const verdict = make("p", { class: "verdict" }), figures = make("p", { class: "figures" });
    const name = make("p", { class: "name" }, make("b", {}, system.name), ` ${system.what}`);
    return { system, verdict, figures, element: make("li", { class: "entrant" }, name, figures, verdict) };
  });
  const all = grid("systems");
  const group = make("div", {
    class: "metric-desk", role: "group", "data-lm-suppress-shortcuts": "true",
    "aria-label": "Metric desk. Buttons and sliders set what is asked; systems that fail say why.",
  },
    make("div", { class: "controls" }, "Asked by a ", ...buttons.map(([, button]) => button)),
    make("div", { class: "asked" }, ...controls.map(({ label }) => label)),
    told, spoken.element, make("ul", { class: "entrants" }, ...cards.map(({ element }) => element)),
    make("details", {}, make("summary", {}, "Table of all systems"),
      make("div", { class: "wide-table", tabindex: 0, role: "group", "aria-label": "Table of all systems" }, all.element)),
    make("p", { class: "note" }, note));
  el.classList.add("accelsim-view", "metric_desk");
  el.append(group);

  function show() {
    const limits = asked(), judged = systems.map((system) => judge(system, limits));
    for (const [preset, button] of buttons) button.setAttribute("aria-pressed", same(preset));
    for (const { name, set } of controls) set(limits[name]);
    cards.forEach(({ verdict, figures, element }, i) => {
      const { reasons, figures: [fps, latency, energy, , area, accuracy] } = judged[i];
      figures.textContent = `${fps} fps, ${latency} ms, ${energy} mJ a frame, ${area} mm², ${accuracy} %`;
      verdict.textContent = reasons.length ? `Out: ${reasons.join("; ")}` : "Does what is asked";
      element.classList.toggle("out", reasons.length > 0);
    });
    const good = judged.filter(({ reasons }) => !reasons.length).length;
    told.textContent = `${say(limits.fps)} fps, ${say(limits.latency)} ms, ${say(limits.power)} mW, ${say(limits.area)} mm², `
      + `${say(limits.accuracy)} %, link ${say(limits.link)} Mbit/s: ${good} of ${systems.length} systems ${good === 1 ? "does" : "do"}`;
    all.set("Systems", heads, systems.map(({ name }, i) => [
      name, judged[i].reasons.length ? "no" : "yes", ...judged[i].figures, judged[i].reasons.join("; "),
    ]));
    spoken.say();
  }
  const leave = follow(model, { limits: show });
  show();
  return () => {
    spoken.stop();
    leave();
  };
}

export default { render };
