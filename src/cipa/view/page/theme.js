/** Dark and light: as the system asks, until the button says otherwise. */

const KEY = "cipa-theme";

const stored = () => {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off
  }
};

/** Apply what was chosen before. */
export function startTheme() {
  const chosen = stored();
  if (chosen) document.documentElement.dataset.theme = chosen;
}

/** Change to the other theme and remember it. */
export function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem(KEY, root.dataset.theme);
  } catch {
    // Not remembered; shown all the same.
  }
}
