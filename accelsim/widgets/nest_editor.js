// The nest editor. Live, the kernel answers what is `asked`; static, the simulator itself runs in a worker of this page,
// if the site carries it: `accelsimTry` is then the address of the folder that holds Pyodide and the project's wheel.
const HEADS = ["", "reads", "writes", "energy", "share"];
const ALIVE = "Ctrl+Enter runs it too.";
const FIRST = "The first run loads the simulator, about 7 MB from this site, and takes some seconds; then it answers at once. " + ALIVE;
const LATE = "No answer yet: the kernel is busy, or it was restarted or stopped since; then run the cell of this view again.";
const PATIENCE = 5000; // ms until a live view says that the kernel is late
const NONE = 'This copy of the page cannot run other nests: the published site can, and so can JupyterLab, which "make start" opens.';

function worker(address) { // one for all editors of a page
  globalThis.accelsimWorker ??= (() => {
    const base = new URL("static/pyodide/", address).href;
    const code = `
      const python = import("${base}pyodide.mjs").then(({ loadPyodide }) => loadPyodide({
        indexURL: "${base}", lockFileURL: "${base}pyodide-lock.json", packages: ["accelsim"] }));
      onmessage = async ({ data: { turn, words } }) => {
        try {
          const py = await python;
          py.globals.set("words", py.toPy(words));
          const text = py.runPython("import json; from accelsim.widgets.editor import answer; json.dumps(answer(*words))");
          postMessage({ turn, answer: JSON.parse(text) });
        } catch (error) {
          postMessage({ turn, failed: String(error) });
        }
      };`;
    const thread = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })), { type: "module" });
    const waiting = new Map();
    const settle = ({ turn, answer, failed }) => {
      const { done, fail } = waiting.get(turn);
      waiting.delete(turn);
      if (failed) fail(failed); else done(answer);
    };
    thread.onmessage = ({ data }) => settle(data);
    thread.onerror = (error) => [...waiting.keys()].forEach((turn) => settle({ turn, failed: error.message ?? "the worker stopped" }));
    let last = 0;
    return { ask: (...words) => new Promise((done, fail) => {
      waiting.set(++last, { done, fail });
      thread.postMessage({ turn: last, words });
    }) };
  })();
  return globalThis.accelsimWorker;
}

function render({ model, el }) {
  const data = model.get("data"), live = typeof model.send === "function", site = globalThis.accelsimTry;
  const able = live || Boolean(site);
  const text = make("textarea", { spellcheck: "false", rows: 3, "aria-label": `The nest of ${data.where}`, readonly: !able,
    oninput: () => model.set("nest", text.value), onkeydown: key });
  const run = make("button", { type: "button", onclick: ask, "aria-disabled": !able && "true" }, "Run");
  const reset = make("button", { type: "button", onclick: restart, "aria-disabled": !able && "true" }, "Back to the first");
  const note = make("p", { class: "note" }, live ? ALIVE : able ? FIRST : NONE);
  const said = make("p", { class: "say", role: "status", "aria-live": "polite" });
  const fault = make("pre", { class: "fault", role: "alert", hidden: true });
  const words = grid("");
  const frame = make("div", { class: "wide-table", tabindex: 0, role: "group", "aria-label": "Table" }, words.element);
  let busy = false, late = null;

  async function ask() {
    if (!able || busy) return;
    busy = true;
    said.textContent = globalThis.accelsimWorker || live ? "Running." : "Loading the simulator.";
    if (live) {
      if (model.get("asked") === text.value && model.get("answer").nest === text.value) return show(); // answered before
      late = setTimeout(() => { busy = false; said.textContent = LATE; }, PATIENCE);
      return change(model, "asked", text.value);
    }
    try {
      model.set("answer", await worker(site).ask(data.layer, data.arch, text.value));
    } catch (error) {
      busy = false;
      said.textContent = `The simulator did not load: ${error}. Reload the page and try again.`;
    }
  }
  function restart() {
    if (!able) return;
    text.value = data.first;
    model.set("nest", data.first);
    ask();
  }
  function key(event) {
    event.stopPropagation();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      ask();
    }
  }
  function show() {
    const answer = model.get("answer");
    clearTimeout(late);
    busy = false;
    fault.hidden = !answer.fault;
    fault.textContent = answer.fault ?? "";
    words.element.classList.toggle("stale", Boolean(answer.fault));
    if (answer.fault) said.textContent = "This nest does not fit. The table is of the last one that did.";
    else {
      said.textContent = answer.said;
      words.set("Words moved, and what they cost", HEADS, answer.rows);
    }
  }
  function write() { // what the kernel, or another view of this model, made of the nest
    if (text.value !== model.get("nest")) text.value = model.get("nest");
  }
  el.classList.add("accelsim-view", "nest_editor");
  write();
  words.set("Words moved, and what they cost", HEADS, data.shown.rows);
  el.append(make("p", { class: "title" }, data.line), text, make("div", { class: "controls" }, run, reset), note, said, fault, frame);
  show();
  const stop = follow(model, { answer: show, nest: write });
  return () => {
    clearTimeout(late);
    stop();
  };
}

export default { render };
