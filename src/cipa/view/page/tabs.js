/** Which tabs of this browser are open: each holds a lock of its name, which goes with it, crash or not. */

import { tab } from "./api.js";

const lockOf = (name) => `cipa-${name}`;

/** Let other tabs know that this one is open, until it closes. */
export function hold() {
  navigator.locks?.request(lockOf(tab), () => new Promise(() => {}));
}

/** Say whether a tab is open in this browser; of other browsers nothing is known. */
export async function isOpen(name) {
  if (!name || name === tab || !navigator.locks) return false;
  const { held } = await navigator.locks.query();
  return held.some((lock) => lock.name === lockOf(name));
}
