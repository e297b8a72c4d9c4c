/** Everything a person can do, with its keys: buttons, keyboard and the help overlay are made from this list. */

import { quit } from "./api.js";
import { notify, say } from "./notices.js";
import * as operations from "./operations.js";
import { startRename } from "./table.js";
import { toggleTheme } from "./theme.js";

/** Return the actions on an open result; `parts` are its scene, study, tools, looks, saver, mip and goTo(lesion). */
export function actionsOf(parts) {
  return [...toolActions(parts), ...lesionActions(parts), ...editActions(parts), ...viewActions(parts), ...otherActions(parts)];
}

/** Do an operation and say its sentence, or why not. */
function doing({ study }, work) {
  return () => {
    if (study.result.read_only) return say("This result is open for reading only.");
    try {
      return say(work());
    } catch (error) {
      return say(error.message);
    }
  };
}

/** `looks`: it changes nothing of the result, and is there in a file for looking too. */
const action = (group, name, keys, says, run, looks = false) => ({ group, name, keys, says, run, looks });

function toolActions({ tools, settings }) {
  const tool = (name, key, says) => action("Tools", name, key, says, () => tools.take(name));
  return [
    tool("move", ["Escape", "v"], "Move the crosshair"),
    tool("brush", ["b"], "Brush: adds to the chosen lesion"),
    tool("eraser", ["e"], "Eraser: removes any lesion"),
    tool("sphere", ["s"], "Threshold in a sphere: press at its centre, drag its radius"),
    tool("grow", ["g"], "Grow a region from a click"),
    tool("piece", ["r"], "Remove the piece that is clicked"),
    action("Tools", "ball", ["d"], "Brush and eraser: disc (2-D) or ball (3-D)", () => {
      settings.ball = !settings.ball;
      settings.onChange();
    }),
    action("Tools", "smaller", ["["], "Smaller brush or sphere", () => tools.resize(-1)),
    action("Tools", "larger", ["]"], "Larger brush or sphere", () => tools.resize(1)),
    action("Tools", "rule", ["t"], "Next threshold rule", settings.nextRule),
  ];
}

function lesionActions(parts) {
  const { study, scene, tools, goTo } = parts;
  const run = (name, keys, says, work) => action("Lesions", name, keys, says, doing(parts, work));
  const neighbour = (sign) => () => {
    const { lesions, active } = study;
    if (!lesions.length) return;
    const at = lesions.findIndex((lesion) => lesion === active);
    const next = lesions[(at + sign + lesions.length) % lesions.length];
    study.select(next.label);
    goTo(next);
  };
  return [
    action("Lesions", "next", ["."], "Go to the next lesion", neighbour(1), true),
    action("Lesions", "previous", [","], "Go to the previous lesion", neighbour(-1), true),
    run("new", ["n"], "New lesion", () => operations.newLesion(study)),
    run("accept", ["a"], "Accept", () => operations.setState(study, "accepted")),
    run("reject", ["x", "Delete"], "Reject: left out of what is saved as tumour", () => operations.setState(study, "rejected")),
    run("rename", ["F2"], "Rename", () => {
      if (!study.active) throw new Error("Choose a lesion in the table first.");
      startRename(study, study.active.label);
      return "Type a name; Enter takes it.";
    }),
    run("merge", ["m"], "Merge the chosen lesions (Ctrl+click chooses several)", () => operations.merge(study)),
    run("split", ["u"], "Split into its pieces, or cut at the crosshair", () => operations.split(study, scene.voxel(), tools.axis)),
    run("largest", ["k"], "Keep the largest piece alone", () => operations.keepLargest(study)),
    run("fill", ["f"], "Fill holes", () => operations.fillHoles(study)),
    run("interpolate", ["i"], "Interpolate between the slices drawn in the plane last used", () => operations.interpolate(study, tools.axis)),
  ];
}

function editActions({ study, saver }) {
  const step = (work, done, nothing) => () => say(work() ? done : nothing);
  return [
    action("Edit", "undo", ["Ctrl+z"], "Undo", step(() => study.undo(), "Undone.", "Nothing to undo.")),
    action("Edit", "redo", ["Ctrl+y", "Ctrl+Shift+z"], "Redo", step(() => study.redo(), "Done again.", "Nothing to redo.")),
    action("Edit", "save", ["Ctrl+s"], "Save as a new revision, measured again", () => saver.save()),
  ];
}

function viewActions({ scene, tools, looks, mip, compare }) {
  const view = (name, keys, says, run) => action("View", name, keys, says, run, true);
  const walk = (sign, count) => () => scene.move(tools.axis, sign * count);
  const planes = [[2, "axial"], [1, "coronal"], [0, "sagittal"]];
  return [
    view("lung", ["1"], "CT window: lung", () => looks.window("lung")),
    view("soft", ["2"], "CT window: soft tissue", () => looks.window("soft")),
    view("bone", ["3"], "CT window: bone", () => looks.window("bone")),
    view("view", ["p"], "Fused, CT alone, PET alone (inverted grey)", () => looks.show()),
    view("less", ["-"], "Less PET over CT", () => looks.addShare(-0.1)),
    view("more", ["=", "+"], "More PET over CT", () => looks.addShare(0.1)),
    view("mask", ["h"], "Lesions: filled, outlines, hidden", () => looks.nextMask()),
    view("compare", ["c"], "Compare with the network's mask, or another revision's (outline)", compare),
    view("up", ["ArrowUp"], "Next slice of the plane last used", walk(1, 1)),
    view("down", ["ArrowDown"], "Previous slice", walk(-1, 1)),
    view("farup", ["PageUp"], "Ten slices on", walk(1, 10)),
    view("fardown", ["PageDown"], "Ten slices back", walk(-1, 10)),
    view("plane", ["o"], "Keys move along: axial, coronal, sagittal", () => {
      tools.axis = (tools.axis + 2) % 3;
      say(`Keys move through ${planes.find(([axis]) => axis === tools.axis)[1]} slices.`);
    }),
    view("zoomin", ["z"], "Zoom in about the crosshair (Ctrl+wheel; middle button pans)", () => scene.zoom(1.25)),
    view("zoomout", ["y"], "Zoom out", () => scene.zoom(0.8)),
    view("whole", ["0"], "Whole planes again", () => scene.resetZoom()),
    view("enlarge", ["w"], "One plane alone, or all", () => scene.enlarge(scene.large === null ? tools.axis : null)),
    view("left", ["ArrowLeft"], "Turn the projection left", () => mip?.turn(-1)),
    view("right", ["ArrowRight"], "Turn the projection right", () => mip?.turn(1)),
    view("turn", [" "], "Rotate the projection, or stop it", () => mip?.toggle()),
  ];
}

function otherActions({ saver }) {
  return [
    action("Other", "theme", ["l"], "Light or dark", toggleTheme, true),
    action("Other", "download", ["Ctrl+d"], "Download the mask as NIfTI", () => saver.download()),
    action("Other", "quit", ["q"], "End the server", () => askQuit(saver)),
    action("Other", "help", ["?"], "This list", () => {
      const help = document.getElementById("help");
      if (help.open) help.close();
      else help.showModal();
    }, true),
  ];
}

function askQuit(saver) {
  const rest = saver.study.unsaved ? " Unsaved changes stay on disk, and `cipa view` shows them again." : "";
  notify("quit", "warning", `End the server?${rest}`, [{
    label: "End it",
    run: async () => {
      try {
        await saver.keep();
        await quit();
        notify("quit", "news", "The server has ended. This page can be closed.");
      } catch (error) {
        notify("quit", "error", error.message);
      }
    },
  }]);
}
