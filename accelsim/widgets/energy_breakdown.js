// The energy breakdown. Python gives counts and prices; energy is their product, and is worked out here.
function render({ model, el }) {
  const data = model.get("data"), { reports, prices, keys, unit } = data;
  const price = (row) => Number(model.get("table")?.[row] ?? prices[row]);

  // --- the controls
  const by = choice("By", Object.entries(data.by), (value) => change(model, "by", value));
  const scale = choice("Show", Object.entries(data.scales), (value) => change(model, "scale", value));
  const reset = make("button", { type: "button", onclick: () => change(model, "table", { ...prices }) }, "Prices as they were");
  const inputs = Object.keys(prices).map((row) => {
    const input = make("input", {
      type: "number", min: 0, step: "any", "aria-label": `${row}, price in ${unit}`,
      oninput: () => { // the browser says what is wrong with a price below 0
        if (input.value !== "" && input.reportValidity()) change(model, "table", { ...model.get("table"), [row]: Number(input.value) });
      },
      onblur: () => show(), // a price that cannot be gives way to the one that counts
      onkeydown: (event) => steps(event, row),
    });
    const was = make("td", {}, short(prices[row]));
    return { row, input, line: make("tr", {}, header(row, "row"), make("td", {}, input), was) };
  });
  function steps(event, row) { // up and down by a tenth of the price, which a browser's own step would make 1
    const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!sign) return;
    event.preventDefault();
    const step = (prices[row] || 1) / 10, next = Math.max(0, Math.round(price(row) / step + sign) * step);
    change(model, "table", { ...model.get("table"), [row]: Number(next.toPrecision(12)) });
  }

  // --- what it shows
  const say = make("p", { class: "say" }), spoken = announcer(() => say.textContent);
  const bars = make("div", { class: "bars" }), key = make("div"), counted = grid("spent");
  const priced = make("table", { class: "prices" }, make("caption", {}, "Energy table: change a price"),
    make("thead", {}, make("tr", {}, header("row", "col"), header(unit, "col"), header("was", "col"))),
    make("tbody", {}, ...inputs.map(({ line }) => line)));
  const group = make("div", {
    class: "energy-breakdown", role: "group", "data-lm-suppress-shortcuts": "true",
    "aria-label": "Energy breakdown. Lists choose the view, number fields change the energy table.",
  },
    make("div", { class: "controls" }, by.label, scale.label, reset), say, spoken.element, bars, key,
    make("div", { class: "wide-table", tabindex: 0, role: "group", "aria-label": "Energy as a table" }, counted.element),
    make("div", { class: "wide-table", tabindex: 0, role: "group", "aria-label": "Energy table" }, priced));
  el.classList.add("accelsim-view", "energy_breakdown");
  el.append(group);

  function sums({ entries }, part) { // energy by level (0) or by tensor (1)
    const found = {};
    for (const entry of entries) found[entry[part]] = (found[entry[part]] ?? 0) + entry[3] * price(entry[2]);
    return found;
  }
  const total = (found) => Object.values(found).reduce((sum, value) => sum + value, 0);
  function sentence(report, found) {
    const all = total(found), most = Object.keys(found).reduce((a, b) => (found[b] > found[a] ? b : a));
    const part = all ? `, the largest part ${most} (${percent(found[most] / all)})` : "";
    return `${report.name}: ${short(all / report.macs)} ${unit} per MAC${part}.`;
  }
  function show() {
    const how = model.get("scale"), part = Object.keys(data.by).indexOf(model.get("by"));
    const names = keys[model.get("by")], text = how === "share" ? percent : short;
    const found = reports.map((report) => sums(report, part));
    const scaled = found.map((values, i) => {
      const one = { mac: reports[i].macs, total: 1, share: total(values) || 1 }[how];
      return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value / one]));
    });
    const most = Math.max(...scaled.map(total)) || 1;
    by.select.value = model.get("by");
    scale.select.value = how;
    say.textContent = reports.map((report, i) => sentence(report, found[i])).join(" ");
    bars.replaceChildren(...scaled.flatMap((values, i) => [
      make("p", { class: "name" }, reports[i].name),
      bar(names.map((name, fill) => ({ fill, value: values[name] ?? 0, text: `${name} ${text(values[name] ?? 0)}`, title: name })), most),
    ]));
    key.replaceChildren(legend(names.map((name, fill) => [fill, name])));
    const title = `Energy by ${model.get("by")} ${data.scales[how]}${how === "share" ? "" : `, in ${unit}`}`;
    counted.set(title, ["report", ...names, "total"], scaled.map((values, i) => [
      reports[i].name, ...names.map((name) => (name in values ? text(values[name]) : "")), text(total(values)),
    ]));
    for (const { row, input, line } of inputs) {
      if (Number(input.value) !== price(row) || input.value === "") input.value = price(row);
      line.classList.toggle("changed", price(row) !== prices[row]);
    }
    spoken.say();
  }
  const leave = follow(model, { by: show, scale: show, table: show });
  show();
  return () => {
    spoken.stop();
    leave();
  };
}

export default { render };
