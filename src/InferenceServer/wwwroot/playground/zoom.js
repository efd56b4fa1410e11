import { find } from "./dom.js";

const STEP = 1.25;
const MOST = 32;
const CLOSE = 4; // from this zoom on, pixels are drawn as squares

const picture = find("picture");
const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

/**
 * The part of the image in view: the same for the image and for every mask. Wheel and drag, double click, the keys
 * + - 0, and buttons change it.
 */
export class Zoom {
  #level = 1;
  #x = 0; // position of the image's upper left corner, as a share of the picture; 0 or less
  #y = 0;
  #held = null;

  constructor() {
    picture.addEventListener("wheel", e => this.#wheel(e), { passive: false });
    picture.addEventListener("pointerdown", e => this.#hold(e));
    picture.addEventListener("pointermove", e => this.#drag(e));
    picture.addEventListener("lostpointercapture", () => this.#release());
    picture.addEventListener("dblclick", e => e.target.id !== "divider" && this.reset());
    const keys = { "+": () => this.#by(STEP), "=": () => this.#by(STEP), "-": () => this.#by(1 / STEP), 0: () => this.reset() };
    picture.addEventListener("keydown", e => {
      if (keys[e.key] && !e.ctrlKey && !e.metaKey) {
        e.preventDefault();
        keys[e.key]();
      }
    });
    find("zoom-in").onclick = keys["+"];
    find("zoom-out").onclick = keys["-"];
    find("zoom-level").onclick = keys[0];
    this.reset();
  }

  /** The position in the image of a point of the picture; both are shares of width and height. */
  imageAt(x, y) {
    return { x: (x - this.#x) / this.#level, y: (y - this.#y) / this.#level };
  }

  /** Shows the whole image. */
  reset() {
    this.#show(1, 0, 0);
  }

  // The point at (x, y) stays in place.
  #by(factor, x = 0.5, y = 0.5) {
    const level = clamp(this.#level * factor, 1, MOST);
    const at = this.imageAt(x, y);
    this.#show(level, x - at.x * level, y - at.y * level);
  }

  #show(level, x, y) {
    this.#level = level;
    this.#x = clamp(x, 1 - level, 0);
    this.#y = clamp(y, 1 - level, 0);
    picture.style.setProperty("--zoom", level);
    picture.style.setProperty("--pan-x", `${this.#x * 100}%`);
    picture.style.setProperty("--pan-y", `${this.#y * 100}%`);
    picture.classList.toggle("zoomed", level > 1);
    picture.classList.toggle("close", level >= CLOSE);
    find("zoom-level").textContent = `${Math.round(level * 100)} %`;
    find("zoom-out").disabled = level === 1;
    find("zoom-in").disabled = level === MOST;
  }

  #wheel(e) {
    const factor = STEP ** -Math.sign(e.deltaY);
    if (e.deltaY === 0 || (factor < 1 && this.#level === 1)) {
      return; // the page scrolls instead
    }
    e.preventDefault();
    const { x, y } = share(e);
    this.#by(factor, x, y);
  }

  #hold(e) {
    if (this.#level > 1 && e.target.id !== "divider" && e.isPrimary && e.button === 0) {
      this.#held = { ...share(e), fromX: this.#x, fromY: this.#y };
      picture.setPointerCapture(e.pointerId);
      picture.classList.add("held");
    }
  }

  #drag(e) {
    if (this.#held && e.isPrimary) {
      const { x, y } = share(e);
      this.#show(this.#level, this.#held.fromX + x - this.#held.x, this.#held.fromY + y - this.#held.y);
    }
  }

  #release() {
    this.#held = null;
    picture.classList.remove("held");
  }
}

function share(e) {
  const { left, top, width, height } = picture.getBoundingClientRect();
  return { x: (e.clientX - left) / width, y: (e.clientY - top) / height };
}
