// What runs in the reader's browser exists only on a published site: book/publish.py puts its address here.
globalThis.accelsimTry = null;
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("a.in-browser").forEach((link) => {
    link.hidden = !globalThis.accelsimTry;
    if (globalThis.accelsimTry) link.href = new URL(`lab/index.html?path=${link.dataset.notebook}`, globalThis.accelsimTry);
  });
});
