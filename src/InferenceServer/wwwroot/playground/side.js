import { describeModel, segment, segmentPath } from "./api.js";
import { element, find } from "./dom.js";
import { Mask } from "./mask.js";
import { attempt } from "./notice.js";
import { Place } from "./place.js";
import { readSamples } from "./png.js";

/** One of the two models on the page: its name, whether a CRF refines its mask, and its mask. */
export class Side {
  #select;
  #crf;
  #facts;
  #description = null;
  #work = new AbortController();
  #wanted = null;
  #lattice = null;

  /**
   * @param {"a" | "b"} id
   * @param {() => void} onChange Another model, or the CRF switched.
   * @param {(error: Error, again: () => void) => void} onError The model could not be asked about.
   */
  constructor(id, onChange, onError) {
    const root = find(`side-${id}`);
    this.id = id;
    this.result = null;
    this.#select = root.querySelector("select");
    this.#crf = root.querySelector("input");
    this.#facts = root.querySelector(".facts");
    this.#crf.onchange = onChange;
    this.#select.onchange = () => {
      const name = this.#select.value;
      attempt(() => this.choose(name).then(onChange), (error, again) => {
        onChange();
        onError(error, again);
      });
    };
  }

  /** The model's name; empty without a model, or before the model is known. */
  get model() {
    return this.#description?.model.name ?? "";
  }

  /** The name of the requested model, known or not. */
  get wanted() {
    return this.#select.value;
  }

  /** A description of this side, as text. */
  get title() {
    return this.model + (this.refines ? " + CRF" : "");
  }

  /** The model's manifest; empty without a model. */
  get manifest() {
    return this.#description?.manifest ?? {};
  }

  /** Whether a CRF refines the mask. */
  get refines() {
    return this.#crf.checked;
  }

  // The model's default for requests without the parameter.
  get #refinesByItself() {
    return this.manifest.postprocess?.crf?.default ?? false;
  }

  /** Fills the list of models. */
  offer(models, none) {
    const chosen = this.#select.value;
    this.#select.replaceChildren(
      ...(none ? [new Option(none, "")] : []),
      ...models.map(choice),
    );
    this.#select.value = models.some(m => m.name === chosen) ? chosen : none ? "" : this.#select.value;
  }

  /**
   * Takes a model; its classes and the CRF's parameters come with it.
   * @returns {Promise<void>} Rejected with an AbortError where another was chosen in the meantime.
   */
  async choose(name) {
    this.#select.value = name;
    this.#forget();
    this.#know(null);
    if (name) {
      const { signal } = (this.#work = new AbortController());
      this.#know(await describeModel(name, signal));
    }
    this.#crf.checked = this.#refinesByItself;
  }

  /** The query of the request: the settings that differ from the model's own. */
  query(settings) {
    const refine = this.refines;
    return {
      ...settings.bands,
      ...settings.passes,
      ...(refine !== this.#refinesByItself && { refine: refine ? "crf" : "none" }),
      ...(refine && settings.crf),
    };
  }

  /**
   * Brings the result up to date; does nothing where it is. An older request is given up.
   * @returns {Promise<void>} Rejected with an AbortError where a newer request took this one's place.
   */
  async run(image, settings, onProgress) {
    const query = this.query(settings);
    const path = segmentPath(this.model, query);
    if (this.#wanted?.image !== image || this.#wanted.path !== path) {
      this.#forget();
      this.#wanted = { image, path, done: this.#ask(image, query, onProgress) };
    }
    return this.#wanted.done;
  }

  /** The probability of each pixel's class × 255; requested on first use. Null where the model has no scores. */
  confidence() {
    const { result } = this;
    result.confidence ??= segment(result.confidencePath, result.image.file)
      .then(answer => readSamples(answer.bytes))
      .catch(() => null);
    return result.confidence;
  }

  async #ask(image, query, onProgress) {
    const { signal } = (this.#work = new AbortController());
    const { model, title } = this;
    const began = performance.now();
    try {
      const lattice = this.refines ? this.#latticeOf(image) : undefined;
      const answer = await segment(segmentPath(model, query), image.file, { signal, onProgress, lattice });
      this.#lattice = answer.lattice ? { image, key: answer.lattice } : this.#lattice;
      const elapsed = performance.now() - began;
      const samples = await readSamples(answer.bytes);
      signal.throwIfAborted();
      if (answer.version !== this.#description.model.version) {
        this.#know(await describeModel(model, signal)); // another version serves now, and may have other classes
      }
      const mask = new Mask(samples, this.#description);
      const confidencePath = segmentPath(model, { ...query, format: "confidence" });
      const place = answer.georeference && new Place(answer.georeference, mask);
      this.result = { image, title, mask, place, elapsed, timing: answer.timing, confidencePath, confidence: null };
    } catch (error) {
      if (!signal.aborted) {
        this.#wanted = null; // the same model may be requested again
        this.result = null;
      }
      throw error;
    }
  }

  // A step of a slider uses the lattice of the step before.
  #latticeOf(image) {
    return this.#lattice?.image === image ? this.#lattice.key : "new";
  }

  #know(description) {
    this.#description = description;
    this.#crf.disabled = !description;
    this.#facts.textContent = description ? facts(description) : "";
  }

  #forget() {
    this.#work.abort();
    this.#wanted = null;
  }
}

function choice({ name, state }) {
  const isReady = state === "READY";
  return element("option", { value: name, textContent: isReady ? name : `${name} (${state.toLowerCase()})`, disabled: !isReady });
}

function facts({ model, manifest }) {
  const { quality, cost } = manifest;
  return [
    quality?.value != null && `${quality.value.toFixed(1)} ${quality.metric ?? ""}`.trim(),
    cost?.parameters && `${(cost.parameters / 1e6).toFixed(1)} M parameters`,
    `version ${model.version}`,
    model.provider.toUpperCase(),
  ].filter(Boolean).join(" · ");
}
