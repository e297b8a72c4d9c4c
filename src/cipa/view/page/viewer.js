/** The page's beginning: which result, its volumes, and the parts that work on them. */

import { actionsOf } from "./actions.js";
import * as api from "./api.js";
import { palette } from "./colours.js";
import { compare, fillAgainst, linkAgainst } from "./comparing.js";
import { linkActions } from "./keys.js";
import { Looks } from "./looks.js";
import { Mip } from "./mip.js";
import { clear, notify, say } from "./notices.js";
import { openCt, openLabels, openPet } from "./opening.js";
import { readout } from "./readout.js";
import { addressOf, showResults } from "./results.js";
import { Saver } from "./saving.js";
import { Scene } from "./scene.js";
import { settingsOf } from "./settings.js";
import { Study } from "./study.js";
import { linkTable } from "./table.js";
import { hold, isOpen } from "./tabs.js";
import { startTheme } from "./theme.js";
import { Tools } from "./tools.js";

async function start() {
  startTheme();
  try {
    const results = await api.listResults();
    const asked = new URLSearchParams(location.search).get("result");
    const several = results.length > 1;
    for (const one of document.querySelectorAll("[data-list]")) {
      one.hidden = !several;
      one.addEventListener("click", () => location.assign(addressOf(null)));
    }
    if (asked || (results.length === 1 && results[0].state !== "broken")) await open(asked ?? results[0].id);
    else showResults(results, (id) => location.assign(addressOf(id)));
  } catch (error) {
    notify("start", "error", error.message, [{ label: "Try again", run: () => location.reload() }]);
    loading("");
  }
}

async function open(id) {
  document.getElementById("workbench").hidden = false;
  loading("Opening…");
  const result = await api.getResult(id);
  describe(result);
  const mip = showMip(result);
  const progress = {};
  const count = (name) => (bytes, total) => {
    progress[name] = `${name} ${Math.round(bytes / 1e6)}${total ? ` of ${Math.round(total / 1e6)}` : ""} MB`;
    loading(Object.values(progress).join(", "));
  };
  performance.mark("described");
  const loads = [openCt(result, count("CT")), openPet(result, count("PET")), openLabels(result, result.revision)];
  loads.forEach((load) => load.catch(() => null)); // whichever fails first is said; the others are not errors of their own
  const scene = await startScene();
  performance.mark("scene");
  const ct = await loads[0];
  performance.mark("CT fetched");
  await scene.setCt(ct, result.grid);
  scene.drawNow();
  document.body.dataset.pictured = "true";
  performance.mark("CT drawn");
  const [, pet, labels] = await Promise.all(loads);
  if (pet) scene.setPet(pet, result.pet_grid.affine);
  const study = new Study(result, labels, pet?.suvAt ?? null);
  const parts = { scene, study, mip, ct: result.inputs === "pet" ? null : ct };
  assemble(parts, pet !== null);
  scene.drawNow();
  performance.mark("all drawn");
  loading("");
  window.cipa = parts; // for the browser's console, and tests
  await offer(parts);
  document.body.dataset.ready = "true";
}

async function startScene() {
  try {
    return await Scene.create(document.getElementById("planes"));
  } catch (error) {
    throw new Error(`This browser cannot draw the planes: WebGL2 is missing or switched off (${error.message}). `
      + "Use a current Firefox, Chrome, Edge or Safari, and switch hardware acceleration on.");
  }
}

function showMip({ id, mip }) {
  document.getElementById("no-mip").hidden = Boolean(mip);
  if (!mip) return null;
  const shown = new Mip(document.getElementById("mip"), id, mip);
  shown.load().catch((error) => notify("mip", "warning", `The projection of PET is missing: ${error.message}`));
  return shown;
}

/** Link the parts with each other. */
function assemble(parts, hasPet) {
  const { scene, study, mip } = parts;
  const goTo = (lesion) => lesion.centroid_mm && scene.goTo(lesion.centroid_mm);
  const settings = settingsOf(study);
  const looks = new Looks(scene, hasPet);
  const tools = new Tools(document.getElementById("pad"), scene, study, settings, (dx, dy) => looks.drag(dx, dy));
  const read = readout(parts.ct, study, scene);
  tools.onHover = ({ mm }) => read(mm);
  scene.onDrawn = () => {
    if (!tools.at) read(scene.mm());
    mip?.mark(scene.mm());
  };
  scene.setLabels(study.labels);
  const colour = () => scene.setPalette(palette(study.lesions));
  colour();
  linkTable(study, goTo);
  study.addEventListener("change", () => {
    scene.refresh();
    colour();
  });
  const saver = new Saver(study, (result) => reload(parts, result));
  Object.assign(parts, { settings, looks, tools, saver, goTo, read, compare: () => compare(parts) });
  linkAgainst(parts);
  linkActions(actionsOf(parts).filter((action) => !study.result.copy || action.looks));
  tools.take("move");
  if (study.active) goTo(study.active);
  looks.window(looks.hasPet ? "soft" : "lung");
  if (study.result.copy && study.result.revisions.length > 1) compare(parts);
}

/** Show a result anew after a save: its lesions may have got other numbers. */
async function reload({ scene, study }, result) {
  const labels = await openLabels(result, result.revision);
  const chosen = study.active && result.renumbered ? result.renumbered[study.active.label] : study.active?.label;
  study.renew(result, labels, chosen ?? null);
  scene.setLabels(study.labels);
  scene.setPalette(palette(study.lesions));
  describe(result);
}

/** Bring back what an earlier page did not save; where that page is still open, say so and only show. */
async function offer(parts) {
  const { study } = parts, { result } = study;
  hold();
  if (!result.has_autosave) return;
  if (!(await isOpen(result.autosave?.tab))) {
    await restore(parts);
    return;
  }
  const readOnly = result.read_only;
  result.read_only = true;
  notify("held", "warning", "Another tab holds changes of this result that are not saved. Go on there, or take them over: that tab can then save no more.", [{
    label: "Take them over here",
    run: () => {
      result.read_only = readOnly;
      clear("held");
      restore(parts).catch((error) => notify("held", "error", error.message));
    },
  }]);
}

async function restore({ study, saver, scene }) {
  const { result } = study;
  const kept = await openLabels(result, "autosave");
  study.edit("restored", () => {
    kept.data.forEach((label, index) => study.labels.set(index, label));
    study.restoreLesions(result.autosave?.edits?.lesions ?? []);
  });
  saver.takeOver = true;
  saver.earlierTools = result.autosave?.edits?.tools ?? [];
  scene.refresh();
  const drop = async () => {
    while (study.undo());
    await saver.keep();
    notify("restored", "news", "Dropped: the lesions are as saved.");
  };
  notify("restored", "news", "Changes of an earlier page that were not saved are here again.", [{ label: "Drop them", run: drop }]);
}

function describe(result) {
  document.body.classList.toggle("copy", Boolean(result.copy));
  document.body.classList.toggle("one-mask", Boolean(result.copy) && result.revisions.length === 1);
  document.title = `${result.name} – CIPA`;
  document.getElementById("name").textContent = result.name;
  const { warnings = [] } = result, box = document.getElementById("warnings");
  box.hidden = !warnings.length;
  box.querySelector("summary").textContent = warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`;
  box.querySelector("ul").replaceChildren(...warnings.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  fillAgainst(result);
  const last = result.revisions?.at(-1);
  document.getElementById("revision").textContent = last?.number && !result.copy ? `Revision ${last.number}: ${(last.tools ?? []).join(", ") || "by hand"}` : "";
}

function loading(text) {
  document.getElementById("loading").hidden = !text;
  document.getElementById("loading-text").textContent = text;
}

start();
