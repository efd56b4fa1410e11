import { find } from "./dom.js";

const picture = find("picture");
const photo = find("photo");

/** The image with the masks laid over it, A left of the divider and B right of it. */
export class Viewer {
  #url = null;
  #outline = false;
  #sides = [];
  #isolated = null;

  constructor() {
    const opacity = find("opacity");
    opacity.oninput = () => picture.style.setProperty("--opacity", opacity.value / 100);
    opacity.oninput();
    for (const choice of document.getElementsByName("style")) {
      choice.onchange = () => {
        this.#outline = choice.value === "outline";
        this.#paint();
      };
    }
  }

  /** Opacity of the masks, 0 to 1. */
  get opacity() {
    return find("opacity").value / 100;
  }

  /** Hides the last image, until the next is there. */
  clear() {
    find("welcome").hidden = true;
    find("samples-again").hidden = false;
    picture.hidden = true;
  }

  /**
   * Shows an image.
   * @param {Blob} image
   * @param {string} name
   * @param {() => void} onUnknown Called where the browser cannot read the format.
   */
  open(image, name, onUnknown) {
    find("welcome").hidden = true;
    find("samples-again").hidden = false;
    if (this.#url) {
      URL.revokeObjectURL(this.#url);
    }
    this.#url = URL.createObjectURL(image);
    photo.onload = () => {
      picture.style.setProperty("--aspect", photo.naturalWidth / photo.naturalHeight);
      picture.hidden = false;
    };
    photo.onerror = () => {
      picture.hidden = true; // masks without a visible image are useless, and its proportions are unknown
      onUnknown();
    };
    photo.alt = name;
    photo.src = this.#url;
  }

  /**
   * Shows masks.
   * @param {import("./side.js").Side[]} sides Those that have one.
   * @param {string | null} isolated The one class to show; null shows all.
   */
  show(sides, isolated) {
    this.#sides = sides;
    this.#isolated = isolated;
    this.#paint();
  }

  #paint() {
    for (const id of ["a", "b"]) {
      const side = this.#sides.find(s => s.id === id);
      const canvas = find(`mask-${id}`);
      const caption = find(`caption-${id}`);
      canvas.hidden = caption.hidden = !side;
      if (side) {
        side.result.mask.paint(canvas, this.#outline, name => this.#isolated === null || name === this.#isolated);
        caption.textContent = side.result.title;
      }
    }
    picture.classList.toggle("outline", this.#outline);
    const both = this.#sides.length === 2;
    picture.classList.toggle("both", both);
    find("divider").hidden = !both;
  }
}
