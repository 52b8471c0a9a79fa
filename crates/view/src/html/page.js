"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const root = document.documentElement;

  // Light or dark: what the system says, until somebody wants the other.
  const theme = by("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const nameTheme = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  system.addEventListener("change", nameTheme);
  nameTheme();
  theme.hidden = false;

  // Whoever prints wants to read it all.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.same)")];
    opened.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => {
    opened.forEach((each) => { each.open = false; });
    opened = [];
  });

  // Searching and filtering.
  const controls = by("controls");
  const items = controls ? [...by("list").children] : [];
  let texts = null;
  const textOf = (index) => {
    texts ??= items.map((item) => item.textContent.toLowerCase());
    return texts[index];
  };
  const show = () => {
    const words = by("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const boxes = [...controls.querySelectorAll("input[name=k]")];
    const kinds = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const module = by("module") ? by("module").value : "*";
    let count = 0;
    items.forEach((item, index) => {
      const fits = (boxes.length === 0 || kinds.has(item.dataset.k))
        && (module === "*" || item.dataset.m === module || item.dataset.m.startsWith(module + ".") && module !== "")
        && words.every((word) => textOf(index).includes(word));
      if (item.hidden === fits) item.hidden = !fits;
      if (fits) count += 1;
    });
    const all = items.length;
    by("status").textContent = count === all ? "" : count === 0 ? "Nothing matches." : `${count} of ${all} shown`;
    by("clear").hidden = count === all;
  };
  const clear = () => {
    by("find").value = "";
    controls.querySelectorAll("input[name=k]").forEach((box) => { box.checked = true; });
    if (by("module")) by("module").value = "*";
    show();
  };
  if (controls) {
    let waiting = 0;
    by("find").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(show, items.length > 300 ? 120 : 0);
    });
    controls.addEventListener("change", show);
    by("clear").addEventListener("click", () => { clear(); by("find").focus(); });
    const openAll = (open) => items.forEach((item) => { if (!item.hidden) item.open = open; });
    by("open").addEventListener("click", () => openAll(true));
    by("close").addEventListener("click", () => openAll(false));
    controls.hidden = false;
    // Browsers put back what stood in fields before a reload.
    show();
    addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, select, textarea");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        by("find").focus();
      }
      if (event.key === "Escape" && typing === by("find")) {
        by("find").value = "";
        show();
      }
    });
  }

  // A link to an object opens it, also if a filter hides it.
  const reveal = () => {
    const target = location.hash.length > 1 && by(decodeURIComponent(location.hash.slice(1)));
    if (!target || target.tagName !== "DETAILS") return;
    if (target.hidden) clear();
    target.open = true;
    target.scrollIntoView({ block: "start" });
    target.querySelector("summary").focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#r-']");
    if (link && link.hash === location.hash) reveal();
  });
  reveal();
})();
