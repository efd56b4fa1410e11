import { element, find } from "./dom.js";

const STEP = 0.01;
const KEYS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

const GAP = 14; // between the pointer and the readout, in pixels

const picture = find("picture");
const readout = find("readout");
const crosshair = find("crosshair");

/** Shows class, confidence and map coordinates under the pointer, or under a crosshair that the arrow keys move. */
export class Probe {
  #at = { x: 0.5, y: 0.5 };
  #sideAt;
  #imageAt;

  /**
   * @param {(x: number) => import("./side.js").Side | undefined} sideAt Whose mask is shown at a share of the width.
   * @param {(x: number, y: number) => {x: number, y: number}} imageAt Where in the image a point of the picture lies.
   */
  constructor(sideAt, imageAt) {
    this.#sideAt = sideAt;
    this.#imageAt = imageAt;
    picture.onpointermove = picture.onpointerdown = e => {
      const { left, top, width, height } = picture.getBoundingClientRect();
      crosshair.hidden = true;
      this.#read((e.clientX - left) / width, (e.clientY - top) / height);
    };
    picture.onpointerleave = e => e.pointerType === "mouse" && this.hide(); // a finger leaves after every touch
    picture.onblur = () => this.hide();
    picture.onkeydown = e => {
      const step = KEYS[e.key];
      if (step && e.target === picture) {
        e.preventDefault();
        const far = e.shiftKey ? 5 : 1;
        crosshair.hidden = false;
        this.#read(this.#at.x + far * step[0], this.#at.y + far * step[1]);
      }
    };
  }

  hide() {
    readout.hidden = crosshair.hidden = true;
  }

  async #read(x, y) {
    x = Math.min(0.9999, Math.max(0, x));
    y = Math.min(0.9999, Math.max(0, y));
    const at = (this.#at = { x, y });
    const side = this.#sideAt(x);
    if (!side) {
      this.hide();
      return;
    }
    const { mask, place } = side.result;
    const point = this.#imageAt(x, y);
    const [column, row] = [Math.floor(point.x * mask.width), Math.floor(point.y * mask.height)];
    const where = place ? place.at(point.x, point.y) : [];
    this.#show(mask.at(column, row), where);
    const confidence = await side.confidence();
    if (confidence && this.#at === at && !readout.hidden) {
      this.#show(mask.at(column, row), where, confidence.samples[row * mask.width + column] / 255);
    }
  }

  #show({ name, color }, where, confidence) {
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = color;
    const share = confidence === undefined ? [] : [element("b", {}, `${Math.round(confidence * 100)} %`)];
    const places = where.map(text => element("span", { className: "place" }, text));
    readout.replaceChildren(element("span", { className: "class" }, swatch, name, ...share), ...places);
    for (const node of [readout, crosshair]) {
      node.style.setProperty("--x", `${this.#at.x * 100}%`);
      node.style.setProperty("--y", `${this.#at.y * 100}%`);
    }
    readout.hidden = false;
    readout.style.setProperty("--shift-x", `${shift(this.#at.x, picture.clientWidth, readout.offsetWidth)}px`);
    readout.style.setProperty("--shift-y", `${shift(this.#at.y, picture.clientHeight, readout.offsetHeight)}px`);
  }
}

// Right of and below the pointer where there is room; else on its other side, as far as the picture reaches.
function shift(share, length, own) {
  const at = share * length;
  return at + GAP + own <= length ? GAP : Math.max(-GAP - own, -at);
}
