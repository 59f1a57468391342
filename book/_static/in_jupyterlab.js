// Links into JupyterLab lead somewhere only where JupyterLab serves the book (`make start`): show them there.
document.addEventListener("DOMContentLoaded", () => {
  const served = /\/static\/html\/[^/]*$/.test(location.pathname);
  document.querySelectorAll("a.in-jupyterlab").forEach((link) => { link.hidden = !served; });
});
