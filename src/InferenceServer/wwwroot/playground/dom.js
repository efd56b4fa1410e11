/** The element with this id, which stands in index.html. */
export const find = id => document.getElementById(id);

/** A new element. Text goes in as text: the page's policy lets nothing become markup. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** The same call, made once after the last of several within this time. */
export function debounce(call, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds);
  };
}
