/**
 * Upsamples logits bilinearly (half-pixel centres) and takes the best class, row by row, so that nothing of the full
 * size is ever stored but labels.
 */
export class Labeler {
  label (logits, [, classes, rows, columns], width, height) {
    const across = taps(width, columns)
    const down = taps(height, rows)
    const line = new Float32Array(columns)
    const best = new Float32Array(width)
    const labels = new Uint8Array(width * height)
    for (let y = 0; y < height; y++) {
      const wy = down.weight[y]
      best.fill(-Infinity)
      const row = labels.subarray(y * width, (y + 1) * width)
      for (let c = 0; c < classes; c++) {
        const upper = (c * rows + down.low[y]) * columns
        const lower = (c * rows + down.high[y]) * columns
        for (let x = 0; x < columns; x++) {
          const from = logits[upper + x]
          line[x] = from + (logits[lower + x] - from) * wy
        }
        for (let x = 0; x < width; x++) {
          const from = line[across.low[x]]
          const score = from + (line[across.high[x]] - from) * across.weight[x]
          if (score > best[x]) {
            best[x] = score
            row[x] = c
          }
        }
      }
    }
    return labels
  }
}

function taps (length, source) {
  const low = new Int32Array(length)
  const high = new Int32Array(length)
  const weight = new Float32Array(length)
  for (let i = 0; i < length; i++) {
    const position = Math.max(0, (i + 0.5) * source / length - 0.5)
    low[i] = Math.min(Math.floor(position), source - 1)
    high[i] = Math.min(low[i] + 1, source - 1)
    weight[i] = position - low[i]
  }
  return { low, high, weight }
}
