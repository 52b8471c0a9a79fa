// What a test asks of a page that it looks at.
globalThis.look = (() => {
  const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = numbers(colour).slice(0, 3).map((part) => {
      const c = part / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      const parts = numbers(colour);
      if (parts.length < 4 || parts[3] > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const items = () => [...document.getElementById("list").children];
  const shown = () => items().filter((item) => !item.hidden);
  const settled = () => new Promise((done) => setTimeout(() => done(shown().length), 200));
  return {
    items,
    shown,
    // Texts that can hardly be read, one of each kind.
    faint: () => {
      const kinds = new Map();
      for (const element of document.querySelectorAll("body *")) {
        if (!hasText(element) || element.closest(".vh, .skip, script, option")) continue;
        const kind = `${element.tagName}.${element.className} in ${element.parentElement.className}`;
        if (kinds.has(kind) || !seen(element)) continue;
        kinds.set(kind, contrast(getComputedStyle(element).color, behind(element)));
      }
      return [...kinds].filter(([, value]) => value < 4.5).map(([kind, value]) => `${kind}: ${value.toFixed(2)}`);
    },
    colours: () => ["body", "h1", ".r"].map((name) => {
      const style = getComputedStyle(document.querySelector(name));
      return [style.color, style.backgroundColor];
    }),
    // Elements that go beyond the window and can be seen there.
    sticksOut: () => {
      const width = document.documentElement.clientWidth;
      const wide = document.documentElement.scrollWidth > width ? ["the page scrolls sideways"] : [];
      const out = [...document.querySelectorAll("body *")].filter((element) => {
        if (element.closest(".vh, .v, .skip, .t thead") || !seen(element)) return false;
        const box = element.getBoundingClientRect();
        return box.width > 0 && (box.right > width + 1 || box.left < -1);
      });
      return wide.concat(out.slice(0, 5).map((element) => `${element.tagName}.${element.className}: ${element.textContent.slice(0, 60)}`));
    },
    search: (text) => {
      const field = document.getElementById("find");
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      return settled();
    },
    only: (kind) => {
      for (const box of document.querySelectorAll("input[name=k]")) {
        if (box.checked !== (box.value === kind)) box.click();
      }
      return settled();
    },
    module: (name) => {
      const field = document.getElementById("module");
      field.value = [...field.options].some((option) => option.value === name) ? name : field.options[1].value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
      return settled();
    },
  };
})();
"ready";
