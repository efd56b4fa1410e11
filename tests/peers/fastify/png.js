import { promisify } from 'node:util'
import { crc32, constants, deflate } from 'node:zlib'

const compress = promisify(deflate)
const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const camvid = Buffer.from([128, 128, 128, 128, 0, 0, 192, 192, 128, 128, 64, 128, 60, 40, 222, 128, 128, 0,
  192, 128, 128, 64, 64, 128, 64, 0, 128, 64, 64, 0, 0, 128, 192])

/** PNG whose pixels are the labels. Written by hand: sharp chooses palettes itself, so its indices would not be classes. */
export async function encodePalettePng (labels, width, height) {
  const scanlines = Buffer.alloc((width + 1) * height) // each begins with 0: no filter
  for (let y = 0; y < height; y++) {
    scanlines.set(labels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3], 8)
  const data = await compress(scanlines, { level: constants.Z_BEST_SPEED })
  return Buffer.concat([signature, chunk('IHDR', header), chunk('PLTE', camvid), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

function chunk (type, data) {
  const result = Buffer.alloc(data.length + 12)
  result.writeUInt32BE(data.length, 0)
  result.write(type, 4, 'ascii')
  result.set(data, 8)
  result.writeUInt32BE(crc32(result.subarray(4, data.length + 8)), data.length + 8)
  return result
}
