const HEADER = 0x49484452; // "IHDR"
const DATA = 0x49444154; // "IDAT"
const SIGNATURE_LENGTH = 8;
const CHUNK_OVERHEAD = 12; // length, type, checksum
const UP = 2; // each byte is the difference to the one above

/**
 * Reads the samples of a PNG of one channel of 8 or 16 bits: labels of an indexed one, or levels of grey.
 * The browser's own decoder would return colours instead of indices, and classes may share a colour.
 * PNG specification, third edition, §5 and §9. The server uses the filter type Up alone, and interlaces nothing.
 * @param {ArrayBuffer} file
 * @returns {Promise<{width: number, height: number, samples: Uint8Array | Uint16Array}>}
 */
export async function readSamples(file) {
  const view = new DataView(file);
  const data = [];
  let width, height, bits;
  for (let at = SIGNATURE_LENGTH; at < view.byteLength;) {
    const length = view.getUint32(at);
    const type = view.getUint32(at + 4);
    const body = new Uint8Array(file, at + 8, length);
    if (type === HEADER) {
      [width, height, bits] = [view.getUint32(at + 8), view.getUint32(at + 12), view.getUint8(at + 16)];
    } else if (type === DATA) {
      data.push(body);
    }
    at += length + CHUNK_OVERHEAD;
  }

  const scanlines = await inflate(data);
  const stride = (width * bits) / 8;
  const samples = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const start = y * (stride + 1);
    if (scanlines[start] !== UP) {
      throw new Error("The mask's PNG has a filter that this page does not read.");
    }
    const row = y * stride;
    samples.set(scanlines.subarray(start + 1, start + 1 + stride), row);
    for (let i = row; y > 0 && i < row + stride; i++) {
      samples[i] += samples[i - stride]; // modulo 256
    }
  }
  return { width, height, samples: bits === 16 ? wide(samples) : samples };
}

// PNG has the high byte first.
function wide(bytes) {
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => (bytes[2 * i] << 8) | bytes[2 * i + 1]);
}

async function inflate(parts) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
