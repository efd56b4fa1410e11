// The page's messages: progress, results and errors.

import { find } from "./dom.js";

const progress = find("progress");
const problem = find("problem");
const status = find("status");

const shares = new Map();

/** Shows a short message. */
export function say(text) {
  status.textContent = text;
}

/** Shows the upload progress of each side, 0 to 1. */
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

/** Ends the progress of one side, which has its mask or was cancelled. */
export function dropProgress(id) {
  shares.delete(id);
}

/** Ends the progress of both sides. */
export function endProgress() {
  progress.hidden = true;
}

/** Shows an error that stays until the next success. */
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
 * @param {() => Promise<void>} work Rejected with an AbortError where newer work replaced it, which shows no message.
 * @param {(error: Error, again: () => void) => void} onError
 */
export function attempt(work, onError) {
  return work().then(calm, error => error.name !== "AbortError" && onError(error, () => attempt(work, onError)));
}
