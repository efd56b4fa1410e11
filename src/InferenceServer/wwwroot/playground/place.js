const MOST_DECIMALS = 9;

/** Where an image lies on the map. */
export class Place {
  #georeference;
  #width;
  #height;

  /**
   * @param {{crs?: string, geotransform: number[], wgs84?: number[][]}} georeference As the header X-Georeference has it.
   * @param {{width: number, height: number}} size Of the image, in pixels.
   */
  constructor(georeference, { width, height }) {
    [this.#georeference, this.#width, this.#height] = [georeference, width, height];
  }

  /**
   * The coordinates of a point as lines of text: those of the file, and longitude and latitude where they are known.
   * @param {number} x Share of the width, 0 to 1.
   * @param {number} y Share of the height, 0 to 1.
   */
  at(x, y) {
    const { crs, geotransform: [left, columnX, rowX, top, columnY, rowY], wgs84 } = this.#georeference;
    const [column, row] = [x * this.#width, y * this.#height];
    const side = Math.hypot(columnX, columnY);
    const own = [left + column * columnX + row * rowX, top + column * columnY + row * rowY];
    const lines = [`${own.map(number => number.toFixed(decimals(side))).join(", ")}${crs ? ` ${crs}` : ""}`];
    if (wgs84) {
      const [longitude, latitude] = interpolate(wgs84, x, y);
      const across = Math.abs(wgs84[5][0] - wgs84[3][0]) / this.#width; // of a pixel, in degrees
      lines.push(`${degrees(latitude, "NS", across)} ${degrees(longitude, "EW", across)}`);
    }
    return lines;
  }
}

// Enough to tell neighbouring pixels apart.
const decimals = side => Math.min(MOST_DECIMALS, Math.max(0, 1 - Math.floor(Math.log10(side))));

const degrees = (angle, [positive, negative], pixel) =>
  `${Math.abs(angle).toFixed(decimals(pixel))}° ${angle < 0 ? negative : positive}`;

// Of 3 × 3 points, by the polynomial of the second degree in each direction that passes through them.
function interpolate(points, x, y) {
  const weights = share => [(1 - share) * (1 - 2 * share), 4 * share * (1 - share), share * (2 * share - 1)];
  const [columns, rows] = [weights(x), weights(y)];
  return [0, 1].map(axis => points.reduce((sum, point, i) => sum + point[axis] * columns[i % 3] * rows[Math.floor(i / 3)], 0));
}
