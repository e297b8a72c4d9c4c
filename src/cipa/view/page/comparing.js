/** The outline of another mask over the lesions: the network's, or that of an earlier revision. */

import { say } from "./notices.js";
import { openLabels } from "./opening.js";

const choice = () => document.getElementById("against");

/** Offer the network's mask and every revision of a result, or the masks of the other runs. */
export function fillAgainst(result) {
  const before = choice().value;
  const others = (result.revisions ?? []).filter(({ number }) => number || !result.copy); // of a copy the first is what is drawn
  const masks = others.map(({ number, name }) => (number ? [String(number), name ?? `revision ${number}`] : ["network", name ?? "the network"]));
  choice().replaceChildren(...masks.map(([value, text]) => new Option(text, value)));
  choice().value = masks.some(([value]) => value === before) ? before : masks[0]?.[0] ?? "";
}

/** Show another mask as soon as it is chosen. */
export function linkAgainst(parts) {
  choice().addEventListener("change", async () => {
    if (parts.looks.compare) await compare(parts);
    await compare(parts);
  });
}

/** Show or hide the outline; its labels are fetched when they are first shown. */
export async function compare(parts) {
  const { scene, study, looks } = parts, wanted = choice().value;
  try {
    if (!looks.compare && parts.compared !== wanted) {
      scene.setOther(await openLabels(study.result, wanted));
      parts.compared = wanted;
    }
    looks.toggleCompare();
    say(looks.compare ? `Outlined in cyan: ${choice().selectedOptions[0].text}.` : "");
  } catch (error) {
    say(`That mask cannot be shown: ${error.message}`);
  }
}
