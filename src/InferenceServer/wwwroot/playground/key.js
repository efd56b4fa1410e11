// The key, where the server asks for one: sent with every request, kept for this tab.

import { find } from "./dom.js";

const dialog = find("key");
const input = dialog.querySelector("input");
const usual = find("key-reason").textContent;

export const key = () => sessionStorage.getItem("key") ?? "";

/** Asks for a key, with the sentence that the server said. */
export function askForKey(reason = usual) {
  find("key-open").hidden = false;
  if (!dialog.open) {
    find("key-reason").textContent = reason;
    input.value = key();
    dialog.returnValue = "";
    dialog.showModal();
  }
}

/** Calls when there is a new one. */
export function onKey(changed) {
  find("key-open").hidden = !key();
  find("key-open").onclick = () => askForKey();
  dialog.onclose = () => {
    if (dialog.returnValue === "use") {
      sessionStorage.setItem("key", input.value.trim());
      changed();
    }
  };
}
