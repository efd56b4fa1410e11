/** The element with this id in index.html. */
export const find = id => document.getElementById(id);

/** A new element. Text is inserted as text, never as markup. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Delays a function: of several calls within this time, only the last runs. */
export function debounce(call, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
}
