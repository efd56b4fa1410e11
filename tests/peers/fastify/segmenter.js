import * as ort from 'onnxruntime-node'
import sharp from 'sharp'
import { Labeler } from './labeler.js'
import { encodePalettePng } from './png.js'

/** The job that a model.json describes, for models whose input is resized by the short side and normalised by mean and std. */
export class Segmenter {
  #session
  #manifest
  #tables
  #labeler = new Labeler()

  static async load (file, manifest, threads) {
    const session = await ort.InferenceSession.create(file, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      extra: { session: { intra_op: { allow_spinning: '0' }, set_denormal_as_zero: '1' } }
    })
    return new Segmenter(session, manifest)
  }

  constructor (session, manifest) {
    const { resize, size, scale, mean, std } = manifest.preprocess
    if (resize.mode !== 'short_side' || size.multiple !== 1) throw new Error('this peer resizes by the short side, without padding')
    this.#session = session
    this.#manifest = manifest
    // One table a channel: a byte's normalised value is looked up, not computed.
    this.#tables = mean.map((m, c) => Float32Array.from({ length: 256 }, (_, value) => (value * scale - m) / std[c]))
  }

  async segment (encoded) {
    const { pixels, width, height, photo } = await this.#decode(encoded)
    const { input, output } = this.#manifest.graph
    const tensor = new ort.Tensor('float32', this.#normalise(pixels, width * height), [1, 3, height, width])
    const logits = (await this.#session.run({ [input]: tensor }))[output]
    const labels = this.#labeler.label(logits.data, logits.dims, photo.width, photo.height)
    return encodePalettePng(labels, photo.width, photo.height)
  }

  async #decode (encoded) {
    const { width: w, height: h, autoOrient } = await sharp(encoded).metadata()
    const photo = autoOrient ?? { width: w, height: h }
    const ratio = this.#manifest.preprocess.resize.size / Math.min(photo.width, photo.height)
    const width = Math.max(1, Math.round(photo.width * ratio))
    const height = Math.max(1, Math.round(photo.height * ratio))
    let image = sharp(encoded, { autoOrient: true }).removeAlpha().toColourspace('srgb')
    if (width !== photo.width || height !== photo.height) {
      image = image.resize(width, height, { fit: 'fill', kernel: 'linear' })
    }
    return { pixels: await image.raw().toBuffer(), width, height, photo }
  }

  #normalise (pixels, count) {
    const [red, green, blue] = this.#tables
    const chw = new Float32Array(3 * count)
    for (let i = 0, from = 0; i < count; i++, from += 3) {
      chw[i] = red[pixels[from]]
      chw[count + i] = green[pixels[from + 1]]
      chw[2 * count + i] = blue[pixels[from + 2]]
    }
    return chw
  }
}
