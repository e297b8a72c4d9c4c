/** What went wrong or needs a decision, in words above the views; and small news that goes by itself. */

const box = () => document.getElementById("notices");

/**
 * Show a notice until it is closed or replaced.
 *
 * @param {string} key a later notice of the same key replaces this one
 * @param {"error" | "warning" | "news"} kind
 * @param {string} text
 * @param {{label: string, run: () => void}[]} ways what a person can do
 */
export function notify(key, kind, text, ways = []) {
  clear(key);
  const notice = document.createElement("div");
  notice.className = `notice ${kind}`;
  notice.dataset.key = key;
  notice.setAttribute("role", kind === "error" ? "alert" : "status");
  const words = document.createElement("p");
  words.textContent = text;
  notice.append(words);
  for (const { label, run } of ways) notice.append(button(label, run));
  notice.append(button("×", () => notice.remove(), "Close"));
  box().append(notice);
  return notice;
}

/** Take a notice away. */
export function clear(key) {
  for (const notice of box().children) if (notice.dataset.key === key) notice.remove();
}

/** Say in the status bar what was just done. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

function button(label, run, title = "") {
  const one = document.createElement("button");
  one.type = "button";
  one.textContent = label;
  if (title) one.setAttribute("aria-label", title);
  one.addEventListener("click", run);
  return one;
}
