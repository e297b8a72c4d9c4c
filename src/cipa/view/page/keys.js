/** Actions by key and by button, and the overlay that lists them. */

/**
 * Link actions to keys and to buttons with `data-action`.
 *
 * @param {{name: string, keys: string[], group: string, says: string, run: () => unknown}[]} actions a key as
 *   "b", "Ctrl+z", "ArrowUp"; letters without regard to case, "Shift+" only where it is meant
 */
export function linkActions(actions) {
  const byKey = new Map(actions.flatMap((action) => action.keys.map((key) => [key.toLowerCase(), action])));
  addEventListener("keydown", (event) => {
    if (event.target.closest?.("input:not([type=range]), select, textarea") && !event.ctrlKey && !event.metaKey) return;
    if (event.key === " " && event.target.closest?.("button, summary")) return; // it presses them
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    const action = byKey.get(nameOf(event)) ?? byKey.get(event.key.toLowerCase());
    if (!action || event.altKey || ((event.ctrlKey || event.metaKey) && !nameIsCtrl(action))) return;
    event.preventDefault();
    action.run();
  });
  // A control keeps the keyboard no longer than it is used: else letters would choose in it.
  addEventListener("change", (event) => event.target.matches("select, input[type=range]") && event.target.blur());
  for (const action of actions) {
    for (const button of document.querySelectorAll(`[data-action="${action.name}"]`)) {
      button.addEventListener("click", () => {
        action.run();
        button.blur(); // else the space bar presses it again
      });
      button.title = `${action.says} (${action.keys.map(shown).join(", ")})`;
    }
  }
  fillHelp(actions);
}

const nameIsCtrl = (action) => action.keys.some((key) => key.startsWith("Ctrl+"));

function nameOf(event) {
  const ctrl = event.ctrlKey || event.metaKey ? "ctrl+" : "";
  return ctrl + (event.shiftKey && (ctrl || event.key.length > 1) ? "shift+" : "") + event.key.toLowerCase();
}

const SIGNS = { " ": "Space", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", PageUp: "Page ↑", PageDown: "Page ↓" };
const shown = (key) => key.split("+").map((part) => SIGNS[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join("+") || "+";

function fillHelp(actions) {
  const list = document.getElementById("help-list");
  for (const group of new Set(actions.map((action) => action.group))) {
    const section = document.createElement("section");
    section.append(Object.assign(document.createElement("h3"), { textContent: group }));
    for (const action of actions.filter((one) => one.group === group)) {
      const row = document.createElement("p");
      for (const key of action.keys) row.append(Object.assign(document.createElement("kbd"), { textContent: key === "+" ? "+" : shown(key) }));
      row.append(Object.assign(document.createElement("span"), { textContent: action.says }));
      section.append(row);
    }
    list.append(section);
  }
}
