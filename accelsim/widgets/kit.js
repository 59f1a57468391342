// What all views share: elements, numbers as text, a reader's controls, bars, tables, and the player over one state.
const QUIET = 500; // ms without a change before it is announced
const SPEEDS = [1, 4, 16, 60];

function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes = {}, ...children) { // the same for SVG
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function clamp(value, least, most) {
  return Math.min(most, Math.max(least, Math.round(Number(value)) || least));
}

// --- numbers as text; accelsim/widgets/figures.py writes the same
function whole(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function short(value) { // three digits and a power of a thousand
  let size = value, unit = 0;
  while (size >= 999.5 && unit < 5) {
    size /= 1000;
    unit++;
  }
  if (!unit && Number.isInteger(size)) return String(size);
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : size >= 0.09995 ? 3 : size >= 0.009995 ? 4 : 5;
  return size.toFixed(digits) + ["", " k", " M", " G", " T", " P"][unit];
}

function percent(value) {
  return `${(100 * value).toFixed(1)} %`;
}

// --- tables and bars
function header(text, scope) {
  return make("th", { scope }, text);
}

function rows(body, heads, lines) { // lines of text cells, the first a row heading; kept cells are written again
  if (body.rows.length !== lines.length || body.rows[0]?.cells.length !== lines[0]?.length) {
    body.replaceChildren(...lines.map((line) => make("tr", {}, header("", "row"), ...line.slice(1).map(() => make("td")))));
  }
  lines.forEach((line, i) => line.forEach((text, j) => {
    const cell = body.rows[i].cells[j];
    if (cell.textContent !== String(text)) cell.textContent = text;
  }));
}

function grid(name, heads = []) { // a table whose body `set` writes again
  const caption = make("caption"), head = make("thead"), body = make("tbody");
  const element = make("table", { class: name }, caption, head, body);
  const set = (title, columns, lines) => {
    caption.textContent = title;
    if (head.dataset.columns !== columns.join("|")) {
      head.dataset.columns = columns.join("|");
      head.replaceChildren(make("tr", {}, ...columns.map((text) => (text ? header(text, "col") : make("td")))));
    }
    rows(body, columns, lines);
  };
  return { element, body, set };
}

function bar(parts, most) { // parts: {fill, value, text, title}; a row of patterned pieces, as long as their share of `most`
  return make("div", { class: "bar", "aria-hidden": "true" }, ...parts.filter((part) => part.value > 0).map((part) =>
    make("span", { class: `piece f${part.fill % 9}${part.more ?? ""}`, style: `width:${100 * part.value / most}%`, title: part.title ?? "" },
      part.text && part.value / most > 0.07 ? make("b", {}, part.text) : "")));
}

function legend(names, kind = "f") { // names: [fill, text]
  return make("ul", { class: "legend" }, ...names.map(([fill, text]) =>
    make("li", {}, make("span", { class: `swatch ${kind}${fill}`, "aria-hidden": "true" }), text)));
}

// --- controls
function choice(text, entries, onchange, attributes = {}) { // entries: [value, text]
  const select = make("select", { onchange: () => onchange(select.value), ...attributes });
  for (const [value, name] of entries) select.append(make("option", { value }, name));
  return { select, label: make("label", {}, `${text} `, select) };
}

function tick(text, onchange) {
  const box = make("input", { type: "checkbox", onchange: () => onchange(box.checked) });
  return { box, label: make("label", {}, box, ` ${text}`) };
}

function range(text, least, most, oninput, attributes = {}) { // a slider with its value beside it
  const slider = make("input", { type: "range", min: least, max: most, oninput: () => oninput(Number(slider.value)), ...attributes });
  const value = make("output", { "aria-hidden": "true" });
  const set = (number, shown) => {
    slider.value = number;
    slider.setAttribute("aria-valuetext", shown);
    value.textContent = shown;
  };
  return { slider, value, set, label: make("label", { class: "ranged" }, make("span", {}, text), slider, value) };
}

function announcer(text) { // says what `text()` gives, once nothing has changed for a while; not how a page begins
  const element = make("p", { class: "spoken", role: "status", "aria-live": "polite" });
  let timer = null, begun = false;
  const stop = () => clearTimeout(timer);
  const say = () => {
    stop();
    if (begun) timer = setTimeout(() => { element.textContent = text(); }, QUIET);
    begun = true;
  };
  return { element, say, stop };
}

function follow(model, draws) { // draws: name of a state -> what to do when it changes; gives the way back
  for (const [name, draw] of Object.entries(draws)) model.on(`change:${name}`, draw);
  return () => {
    for (const [name, draw] of Object.entries(draws)) model.off(`change:${name}`, draw);
  };
}

function change(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

// Play, step and scrub the state `name` from 1 to `count()`. `rest` is called when the reader or the play stops at a place.
function player({ model, name, count, word, rest }) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let timer = null;
  const at = () => clamp(model.get(name), 1, count());
  const play = make("button", { type: "button", class: "play", onclick: () => (timer ? pause() : start()) }, "Play");
  const back = make("button", { type: "button", onclick: () => move(at() - 1) }, "Step back");
  const forward = make("button", { type: "button", onclick: () => move(at() + 1) }, "Step forward");
  const slider = make("input", { type: "range", min: 1, max: count(), oninput: () => move(Number(slider.value)) });
  const speed = choice("Speed", SPEEDS.map((rate) => [rate, `${rate} a second`]), () => { if (timer) start(); });
  speed.select.value = calm ? 1 : 4;

  function go(number) {
    model.set(name, clamp(number, 1, count()));
    if (!timer) model.save_changes();
  }
  function move(number) { // by hand: playing stops
    if (timer) pause();
    go(number);
  }
  function start() {
    clearInterval(timer);
    if (at() === count()) go(1);
    timer = setInterval(() => (at() < count() ? go(at() + 1) : pause()), 1000 / Number(speed.select.value));
    play.textContent = "Pause";
  }
  function pause() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    model.save_changes();
    rest();
  }
  function key(event) {
    const own = event.target.closest("select, details, .frame, input:not([type=range])"), button = event.target.closest("button");
    const slides = event.target.closest("input[type=range]") && event.target !== slider;
    if (own || slides || event.ctrlKey || event.metaKey || event.altKey || (button && event.key === " ")) return;
    const moves = { ArrowRight: at() + 1, ArrowLeft: at() - 1, Home: 1, End: count() };
    if (event.key in moves) move(moves[event.key]);
    else if (event.key === " ") timer ? pause() : start();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  function show() {
    slider.max = count();
    slider.value = at();
    slider.setAttribute("aria-valuetext", `${word} ${at()} of ${count()}`);
    back.setAttribute("aria-disabled", at() === 1); // not `disabled`, which would drop the focus
    forward.setAttribute("aria-disabled", at() === count());
    if (!timer) rest();
  }
  const buttons = [play, back, forward, make("label", { class: "scrub" }, `${word} `, slider)];
  return { at, move, key, show, buttons, speed: speed.label, playing: () => timer !== null, stop: () => clearInterval(timer) };
}
