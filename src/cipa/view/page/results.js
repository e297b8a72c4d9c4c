/** The list of results, where the folder holds several. */

const STATES = { network: "not corrected", corrected: "corrected", empty: "no lesion", broken: "cannot be opened" };

/** Show the list; `open(id)` follows a click. */
export function showResults(results, open) {
  const body = document.querySelector("#results tbody");
  body.replaceChildren(...results.map((result) => {
    const row = document.createElement("tr");
    row.className = result.state;
    const name = document.createElement("td");
    if (result.state === "broken") name.textContent = result.name;
    else {
      const link = Object.assign(document.createElement("a"), { textContent: result.name, href: addressOf(result.id) });
      link.addEventListener("click", (event) => {
        event.preventDefault();
        open(result.id);
      });
      name.append(link);
    }
    const texts = [STATES[result.state] ?? result.state, result.lesions ?? "–", result.revision || "–", result.problem ?? ""];
    row.append(name, ...texts.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return row;
  }));
  document.getElementById("results").hidden = false;
  document.getElementById("workbench").hidden = true;
}

/** Return the page's address with a result opened, or the list. */
export function addressOf(id) {
  const address = new URL(location.href);
  if (id === null) address.searchParams.delete("result");
  else address.searchParams.set("result", id);
  return address.href;
}
