// The key, where the server requires one: sent with every request, kept in this tab.

import { find } from "./dom.js";

const dialog = find("key");
const input = dialog.querySelector("input");
const usual = find("key-reason").textContent;

export const key = () => sessionStorage.getItem("key") ?? "";

/** Asks the user for a key, and shows the server's message. */
export function askForKey(reason = usual) {
  find("key-open").hidden = false;
  if (!dialog.open) {
    find("key-reason").textContent = reason;
    input.value = key();
    dialog.returnValue = "";
    dialog.showModal();
  }
}

/** Registers a callback for a new key. */
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
