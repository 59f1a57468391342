// A table too wide for the page scrolls; the keyboard must reach it. The theme looks once, early; a table may become
// too wide later: when a fold is opened, a font arrives or the window changes.
const watch = new ResizeObserver((changes) => {
  changes.forEach(({ target }) => {
    const frame = target.closest(".pst-scrollable-table-container");
    if (frame.scrollWidth > frame.clientWidth) frame.tabIndex = 0;
  });
});
addEventListener("load", () => {
  document.querySelectorAll(".pst-scrollable-table-container").forEach((frame) => {
    watch.observe(frame);
    [...frame.children].forEach((table) => watch.observe(table));
  });
});
