// A table too wide for the page scrolls; the keyboard must reach it. The theme looks once, early; a table may become
// too wide later: when a fold is opened, a font arrives or the window changes.
function reachTables() {
  document.querySelectorAll(".pst-scrollable-table-container").forEach((frame) => {
    if (frame.scrollWidth > frame.clientWidth) frame.tabIndex = 0;
  });
}
addEventListener("load", () => setTimeout(reachTables));
addEventListener("resize", () => setTimeout(reachTables, 500));
document.addEventListener("toggle", reachTables, true);
