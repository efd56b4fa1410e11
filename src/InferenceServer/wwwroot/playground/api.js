// The server's API, addressed relative to the page, so that a proxy may put both under a prefix.

import { key } from "./key.js";

/** An error response. The message is the problem's detail (RFC 9457). */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `The server answered ${status}.`);
    this.status = status;
  }
}

const headers = () => (key() ? { Authorization: `Bearer ${key()}` } : {});

async function ask(path, signal) {
  let response;
  try {
    response = await fetch(path, { headers: headers(), signal });
  } catch {
    signal?.throwIfAborted();
    throw new Error("The server cannot be reached.");
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    signal?.throwIfAborted();
    throw new Refusal(response.status, problem);
  }
  return response;
}

const get = async (path, signal) => (await ask(path, signal)).json();

export const listModels = () => get("v1/models");

/** A ready model: its overview, classes and manifest. For any other model, throws an error with the reason. */
export async function describeModel(name, signal) {
  const description = await get(`v1/models/${encodeURIComponent(name)}`, signal);
  if (!description.manifest) {
    const { state, reason } = description.model;
    throw new Error(`The model '${name}' is ${state.toLowerCase()}${reason ? `: ${reason}` : "."}`);
  }
  return description;
}

export const fetchSample = async file => (await ask(`playground/samples/${file}`)).blob();

/** The values of `?format=`, read from the OpenAPI document, so that the page always matches the server. */
export async function listFormats() {
  const { components } = await get("swagger/v1/swagger.json");
  const { examples } = components.parameters.format;
  return Object.entries(examples).map(([name, { summary, ["x-extension"]: extension }]) => ({ name, summary, extension }));
}

/** The URL of a request for a mask. */
export function segmentPath(model, query) {
  const parameters = new URLSearchParams(query).toString().replaceAll("%2C", ",");
  return `v1/segment/${encodeURIComponent(model)}${parameters && "?" + parameters}`;
}

/**
 * Sends an image. With XMLHttpRequest, because fetch does not tell how much of a body has gone.
 * @param {string} path Of segmentPath.
 * @param {Blob} image The encoded image.
 * @param {{signal?: AbortSignal, onProgress?: (share: number) => void, lattice?: string}} options The share that was sent, 0 to
 *   1; the CRF's lattice of an earlier answer, or "new".
 * @returns {Promise<{bytes: ArrayBuffer, type: string, version: number, timing: string, lattice: string, georeference: object | null}>}
 */
export function segment(path, image, { signal, onProgress, lattice } = {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "arraybuffer";
    request.setRequestHeader("Content-Type", image.type || "application/octet-stream");
    lattice && request.setRequestHeader("X-Lattice", lattice);
    Object.entries(headers()).forEach(([name, value]) => request.setRequestHeader(name, value));
    request.upload.onprogress = e => e.lengthComputable && onProgress?.(e.loaded / e.total);
    request.onload = () => {
      const bytes = request.response;
      if (request.status === 200) {
        const header = name => request.getResponseHeader(name) ?? "";
        resolve({
          bytes, type: header("Content-Type"), version: Number(header("X-Model-Version")), timing: header("Server-Timing"),
          lattice: header("X-Lattice"), georeference: JSON.parse(header("X-Georeference") || "null"),
        });
      } else {
        reject(new Refusal(request.status, parse(bytes)));
      }
    };
    request.onerror = () => reject(new Error(
      "The connection broke; the server cannot be reached, or rejects the upload."));
    request.onabort = () => reject(signal.reason);
    signal?.addEventListener("abort", () => request.abort());
    request.send(image);
  });
}

// A proxy in front of the server may respond with a page of its own.
function parse(bytes) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}
