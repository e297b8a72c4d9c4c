/** The lesion table: one row a lesion, linked to the views. */

import { cssColour } from "./colours.js";
import { say } from "./notices.js";
import { rename } from "./operations.js";

const STATES = { accepted: "✓", rejected: "✗", unreviewed: "" };

/** Show a study's lesions in the table, now and after every change; `goTo(lesion)` moves the views. */
export function linkTable(study, goTo) {
  const draw = () => drawTable(study, goTo);
  study.addEventListener("change", draw);
  study.addEventListener("select", draw);
  draw();
}

function drawTable(study, goTo) {
  const body = document.querySelector("#lesions tbody");
  if (body.querySelector("input")) return; // a name is being typed
  body.replaceChildren(...study.lesions.map((lesion) => rowOf(study, lesion, goTo)));
  document.getElementById("no-lesions").hidden = study.lesions.length > 0;
  const counted = study.lesions.filter((lesion) => lesion.state !== "rejected");
  const total = counted.reduce((sum, lesion) => sum + (lesion.volume_ml ?? 0), 0);
  const rejected = study.lesions.length - counted.length;
  document.getElementById("total").textContent = `${counted.length} ${counted.length === 1 ? "lesion" : "lesions"}, ${total.toFixed(2)} mL`
    + (rejected ? `; ${rejected} rejected` : "");
}

function rowOf(study, lesion, goTo) {
  const row = document.createElement("tr");
  row.dataset.label = lesion.label;
  row.classList.add(lesion.state);
  row.classList.toggle("chosen", study.chosen.includes(lesion.label));
  row.tabIndex = 0;
  row.append(nameCell(study, lesion), cell(STATES[lesion.state] ?? "", lesion.state), cell(number(lesion.volume_ml, lesion.changed), volumeHint(lesion)));
  for (const value of [lesion.suv_max, lesion.suv_peak, lesion.suv_mean]) {
    row.append(lesion.changed ? cell("–", "Measured when you save") : cell(number(value)));
  }
  const choose = (event) => {
    study.select(lesion.label, event.ctrlKey || event.metaKey);
    goTo(lesion);
  };
  row.addEventListener("click", choose);
  row.addEventListener("dblclick", () => startRename(study, lesion.label));
  row.addEventListener("keydown", (event) => event.key === "Enter" && event.target === row && choose(event));
  return row;
}

function nameCell(study, lesion) {
  const cell = document.createElement("td");
  const mark = document.createElement("span");
  mark.className = "mark";
  mark.style.backgroundColor = cssColour(lesion);
  const name = document.createElement("span");
  name.className = "name";
  name.textContent = name.title = lesion.name;
  cell.append(mark, name);
  return cell;
}

function cell(text, title = "") {
  const one = document.createElement("td");
  one.textContent = text;
  if (title) one.title = title;
  return one;
}

const number = (value, changed = false) => (value === null || value === undefined ? "–" : `${changed ? "~" : ""}${value.toFixed(2)}`);
const volumeHint = (lesion) => (lesion.changed ? "Counted from voxels; measured when you save" : "");

/** Let a person type a lesion's name in its row: Enter takes it, Escape leaves it. */
export function startRename(study, label) {
  const row = document.querySelector(`#lesions tr[data-label="${label}"]`);
  const name = row?.querySelector(".name");
  if (!name) return;
  const input = document.createElement("input");
  input.value = study.lesion(label).name;
  input.maxLength = 64;
  input.setAttribute("aria-label", "Name of the lesion");
  name.replaceWith(input);
  input.focus();
  input.select();
  let ended = false;
  const end = (take) => {
    if (ended) return;
    ended = true;
    const text = input.value;
    input.remove();
    try {
      if (take && text.trim() !== study.lesion(label).name) say(rename(study, label, text));
    } catch (error) {
      say(error.message);
    }
    study.dispatchEvent(new Event("select"));
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") end(false);
  });
  input.addEventListener("blur", () => end(true));
}
