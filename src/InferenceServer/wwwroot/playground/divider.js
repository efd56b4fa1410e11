import { find } from "./dom.js";

const STEP = 2;
const KEYS = {
  ArrowLeft: at => at - STEP,
  ArrowRight: at => at + STEP,
  PageDown: at => at - 5 * STEP,
  PageUp: at => at + 5 * STEP,
  Home: () => 0,
  End: () => 100,
};

/** The line between A and B, moved by pointer or keys. */
export class Divider {
  #picture = find("picture");
  #handle = find("divider");

  constructor() {
    this.#move(50);
    this.#handle.onpointerdown = e => this.#handle.setPointerCapture(e.pointerId);
    this.#handle.onpointermove = e => {
      if (this.#handle.hasPointerCapture(e.pointerId)) {
        const { left, width } = this.#picture.getBoundingClientRect();
        this.#move(((e.clientX - left) / width) * 100);
      }
    };
    this.#handle.onkeydown = e => {
      if (KEYS[e.key]) {
        e.preventDefault();
        e.stopPropagation(); // the picture has its own keys
        this.#move(KEYS[e.key](this.at));
      }
    };
  }

  /** Width of side A, in per cent of the picture. */
  at = 50;

  #move(to) {
    this.at = Math.min(100, Math.max(0, Math.round(to * 10) / 10));
    this.#handle.ariaValueNow = this.at;
    this.#handle.ariaValueText = `${Math.round(this.at)} % A`;
    this.#picture.style.setProperty("--divider", `${this.at}%`);
  }
}
