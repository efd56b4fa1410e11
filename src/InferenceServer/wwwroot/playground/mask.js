const LONGEST_SIDE = 2048; // of the canvas; an image of 100 megapixels needs no canvas of that size
const OUTLINES_ACROSS = 480; // width of the mask ÷ half the width of an outline

/** The label of every pixel of an image, and the classes of the labels. */
export class Mask {
  #labels;
  #classes;

  /**
   * @param {{width: number, height: number, samples: Uint8Array | Uint16Array}} image One label a pixel, row by row.
   * @param {{classes: {index: number, name: string, color: string}[], ignore: number, manifest: object}} model Its description.
   */
  constructor({ width, height, samples }, model) {
    this.width = width;
    this.height = height;
    this.#labels = samples;
    this.#classes = this.#count(model);
  }

  /** The classes in the mask and their shares of the image, the largest first. */
  get classes() {
    return this.#classes.filter(c => c.share > 0).sort((a, b) => b.share - a.share);
  }

  /** Whether the mask has a class of this name. */
  has(name) {
    return this.#classes.some(c => c.share > 0 && c.name === name);
  }

  /** The class of a pixel. */
  at(x, y) {
    return this.#classes[this.#labels[y * this.width + x]];
  }

  /**
   * Paints the classes' colours.
   * @param {HTMLCanvasElement} canvas Gets the mask's proportions.
   * @param {boolean} outline Only where classes meet.
   * @param {(name: string) => boolean} visible Which classes; others stay transparent.
   */
  paint(canvas, outline, visible) {
    const scale = Math.min(1, LONGEST_SIDE / Math.max(this.width, this.height));
    const width = (canvas.width = Math.max(1, Math.round(this.width * scale)));
    const height = (canvas.height = Math.max(1, Math.round(this.height * scale)));
    const labels = scale < 1 ? this.#sample(width, height) : this.#labels;
    const colors = this.#palette(visible);
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const reach = Math.max(1, Math.round(Math.max(width, height) / OUTLINES_ACROSS));
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        if (!outline || meets(labels, width, height, x, y, reach)) {
          pixels[i] = colors[labels[i]];
        }
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // Every label gets a class, so that a label beyond the model's classes also has a name.
  #count({ classes, ignore, manifest }) {
    const counts = new Uint32Array(256 ** this.#labels.BYTES_PER_ELEMENT);
    for (let i = 0; i < this.#labels.length; i++) {
      counts[this.#labels[i]]++;
    }
    return Array.from(counts, (count, label) => ({
      name: classes[label]?.name ?? (label === ignore ? manifest?.postprocess?.none ?? "void" : `class_${label}`),
      color: classes[label]?.color ?? "#000000",
      share: count / this.#labels.length,
    }));
  }

  // The labels of a smaller mask, each sampled at the centre of its pixel.
  #sample(width, height) {
    const labels = new this.#labels.constructor(width * height);
    for (let y = 0; y < height; y++) {
      const row = Math.floor(((y + 0.5) * this.height) / height) * this.width;
      for (let x = 0; x < width; x++) {
        labels[y * width + x] = this.#labels[row + Math.floor(((x + 0.5) * this.width) / width)];
      }
    }
    return labels;
  }

  // ABGR, because every machine with a browser is little-endian; 0 is transparent.
  #palette(visible) {
    return Uint32Array.from(this.#classes, ({ name, color }) => {
      const rgb = parseInt(color.slice(1), 16);
      return visible(name) ? 0xff000000 | ((rgb & 0xff) << 16) | (rgb & 0xff00) | (rgb >> 16) : 0;
    });
  }
}

// Whether another class is within this distance; pixels beyond the mask have no class.
function meets(labels, width, height, x, y, reach) {
  const row = y * width;
  const label = labels[row + x];
  return (x >= reach && labels[row + x - reach] !== label)
    || (x + reach < width && labels[row + x + reach] !== label)
    || (y >= reach && labels[row + x - reach * width] !== label)
    || (y + reach < height && labels[row + x + reach * width] !== label);
}
