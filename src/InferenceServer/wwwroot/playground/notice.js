// What the page tells in words: what it is doing, what came of it, what went wrong.

import { find } from "./dom.js";

const progress = find("progress");
const problem = find("problem");
const status = find("status");

const shares = new Map();

/** Says something in passing. */
export function say(text) {
  status.textContent = text;
}

/** Shows how much of an image each side has sent, 0 to 1. */
export function showProgress(id, share) {
  shares.set(id, share);
  const least = Math.min(...shares.values());
  progress.hidden = false;
  if (least < 1) {
    progress.value = least;
    say(`Sending, ${Math.round(least * 100)} %`);
  } else {
    progress.removeAttribute("value");
    say("Segmenting…");
  }
}

/** A side has its mask, or waits for none any more. */
export function dropProgress(id) {
  shares.delete(id);
}

/** Nothing is on its way any more. */
export function endProgress() {
  progress.hidden = true;
}

/** Shows a sentence that stays until the next success. */
export function complain(sentence, again) {
  problem.querySelector("p").textContent = sentence;
  problem.querySelector("button").onclick = again;
  problem.hidden = false;
}

export function calm() {
  problem.hidden = true;
}

/**
 * Does something; where it fails, "Try again" does the same once more.
 * @param {() => Promise<void>} work Rejected with an AbortError where something newer took its place, of which nobody is told.
 * @param {(error: Error, again: () => void) => void} onError
 */
export function attempt(work, onError) {
  return work().then(calm, error => error.name !== "AbortError" && onError(error, () => attempt(work, onError)));
}
