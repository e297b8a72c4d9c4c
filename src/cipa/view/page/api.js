/** Requests to the server that `cipa view` started, and their failures in words. */

const token = new URLSearchParams(location.search).get("token") ?? "";
export const tab = crypto.randomUUID();

/** A request that failed: `status` of HTTP, 0 where the server did not answer; `body` what it said beside. */
export class RequestError extends Error {
  constructor(status, message, body = {}) {
    super(message);
    Object.assign(this, { status, body });
  }
}

/** Send a request to /api/PATH; throws RequestError with words for a person. */
async function send(path, options = {}) {
  let response;
  try {
    response = await fetch(`/api/${path}`, { ...options, headers: { "X-Cipa-Token": token, ...options.headers }, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError(0, "The server does not answer: `cipa view` has ended, or was stopped.");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new RequestError(response.status, body.error ?? otherwise(response.status), body);
}

function otherwise(status) {
  if (status === 401 || status === 403) return "The server refuses this address: it belongs to an earlier run of `cipa view`. Open the address that the terminal shows.";
  if (status === 404) return "The server no longer finds this result: it was moved or deleted.";
  return `The server answers with an error (${status}); the terminal says more.`;
}

const result = (id) => `results/${encodeURIComponent(id)}`;

export const listResults = async () => (await send("results")).json();
export const getResult = async (id) => (await send(result(id))).json();
export const mipFrame = async (id, number) => (await send(`${result(id)}/mip/${number}.png`)).blob();

/**
 * Fetch a volume.
 *
 * @param {string} id
 * @param {string} name as "ct.nii" or "mask.nii?revision=2"
 * @param {(bytes: number, total: number) => void} progress bytes so far, and of all (0: unknown)
 * @returns {Promise<ArrayBuffer>}
 */
export async function fetchVolume(id, name, progress = () => {}) {
  const response = await send(`${result(id)}/${name}`);
  const total = Number(response.headers.get("Content-Length") ?? 0);
  let bytes = 0;
  const counted = response.body.pipeThrough(new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      progress(bytes, total);
      controller.enqueue(chunk);
    },
  }));
  try {
    return await new Response(counted).arrayBuffer();
  } catch {
    throw new RequestError(0, `${name.split("?")[0]} did not arrive whole: the server has ended.`);
  }
}

/** Return bytes gzipped. */
export async function gzip(bytes) {
  return new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
}

/**
 * Keep labels that are not saved yet.
 *
 * @param {object} held the result as the page has it: {id, revision, stamp}
 * @param {ArrayBuffer} body labels, gzipped
 * @param {object} edits {tools, lesions}
 * @param {boolean} takeOver whether to take the result from a tab that held it
 */
export async function putAutosave(held, body, edits, takeOver = false) {
  await send(`${result(held.id)}/autosave`, { method: "PUT", body, headers: editHeaders(held, edits, takeOver) });
}

/** Drop the labels kept. */
export async function dropAutosave(held, takeOver = false) {
  await send(`${result(held.id)}/autosave`, { method: "DELETE", headers: editHeaders(held, null, takeOver) });
}

/** Save labels (gzipped) as a new revision; returns the result as it now is. */
export async function postSave(held, body, edits, takeOver = false) {
  return (await send(`${result(held.id)}/save`, { method: "POST", body, headers: editHeaders(held, edits, takeOver) })).json();
}

function editHeaders({ revision, stamp }, edits, takeOver) {
  const headers = { "X-Cipa-Revision": String(revision), "X-Cipa-Tab": tab };
  if (stamp) headers["X-Cipa-Stamp"] = stamp;
  if (takeOver) headers["X-Cipa-Take-Over"] = "1";
  if (edits) {
    const text = new TextEncoder().encode(JSON.stringify(edits));
    headers["X-Cipa-Edits"] = btoa(Array.from(text, (byte) => String.fromCharCode(byte)).join(""));
  }
  return headers;
}

/** Ask the server to end. */
export const quit = () => send("quit", { method: "POST" });
