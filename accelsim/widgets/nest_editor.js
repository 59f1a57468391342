// The nest editor. Live, the kernel answers what is `asked`; static, the simulator itself runs in a worker of this page,
// if the site carries it: `accelsimTry` is then the address of the folder that holds Pyodide and the project's wheel.
const HEADS = ["", "reads", "writes", "energy", "share"];
const ALIVE = "Ctrl+Enter runs it too.";
const FIRST = "The first run loads the simulator, about 7 MB from this site, and takes some seconds; then it answers at once. " + ALIVE;
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
  let busy = false;

  async function ask() {
    if (!able || busy) return;
    busy = true;
    said.textContent = globalThis.accelsimWorker || live ? "Running." : "Loading the simulator.";
    if (live) {
      if (model.get("asked") === text.value) return show(); // no change, no answer to wait for
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
  text.value = model.get("nest");
  words.set("Words moved, and what they cost", HEADS, data.shown.rows);
  el.append(make("p", { class: "title" }, data.line), text, make("div", { class: "controls" }, run, reset), note, said, fault, frame);
  show();
  return follow(model, { answer: show });
}

export default { render };
