// The theme makes a table that is too wide for the page scroll, and lets the keyboard reach it only if it was so at first:
// one in a fold becomes so when the fold is opened.
document.addEventListener("toggle", (event) => {
  event.target.querySelectorAll?.(".pst-scrollable-table-container").forEach((frame) => {
    if (frame.scrollWidth > frame.clientWidth) frame.tabIndex = 0;
  });
}, true);
