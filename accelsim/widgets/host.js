// The static host: the part of a Jupyter widget model that a view uses, over the data embedded in the page.
for (const root of document.querySelectorAll('[data-accelsim="KEY"]:not([data-shown])')) {
  const values = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
  const listeners = new Map();
  const model = {
    get: (name) => values[name],
    set(name, value) {
      if (values[name] === value) return;
      values[name] = value;
      for (const listener of listeners.get(`change:${name}`) ?? []) listener();
    },
    on: (event, listener) => listeners.set(event, [...(listeners.get(event) ?? []), listener]),
    off: (event, listener) => listeners.set(event, (listeners.get(event) ?? []).filter((other) => other !== listener)),
    save_changes: () => {},
  };
  root.dataset.shown = "";
  const el = root.querySelector(".stage");
  el.replaceChildren();
  render({ model, el });
}
