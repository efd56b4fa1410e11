// The bands that the network sees, its passes and the parameters of the CRF, shared by both sides.

import { debounce, element, find } from "./dom.js";

const SCALES = [0.5, 0.75, 1, 1.25, 1.5];
const SETTLE_MS = 250; // a slider fires an event at every step

// `own` reads a model's value from its manifest; for a missing value, the server's default.
const TILES = [
  {
    name: "crop", label: "Side of a tile, pixels", min: 64, max: 1024, step: 32,
    own: manifest => manifest.inference?.crop?.[0] ?? 512,
  },
  {
    name: "stride_rate", label: "Overlap, per cent", min: 0, max: 90, step: 5,
    own: manifest => Math.round(100 - 100 * (manifest.inference?.stride_rate ?? 2 / 3)),
    send: overlap => (100 - overlap) / 100,
  },
];

const crf = manifest => manifest.postprocess?.crf ?? {};
const CRF = [
  {
    name: "crf.iterations", label: "Iterations", min: 0, max: 20, step: 1,
    own: manifest => crf(manifest).iterations ?? 10,
  },
  {
    name: "crf.bilateral.weight", label: "Appearance weight", min: 0, max: 20, step: 0.1,
    own: manifest => crf(manifest).bilateral?.weight ?? 4,
  },
  {
    name: "crf.bilateral.xy", label: "Appearance reach, pixels", min: 1, max: 150, step: 1,
    own: manifest => crf(manifest).bilateral?.xy ?? 67,
  },
  {
    name: "crf.bilateral.rgb", label: "Appearance reach, colour steps", min: 0.2, max: 40, step: 0.1,
    own: manifest => crf(manifest).bilateral?.rgb ?? 3,
  },
  {
    name: "crf.gaussian.weight", label: "Smoothness weight", min: 0, max: 20, step: 0.01,
    own: manifest => crf(manifest).gaussian?.weight ?? 3,
  },
  {
    name: "crf.gaussian.xy", label: "Smoothness reach, pixels", min: 0.1, max: 20, step: 0.1,
    own: manifest => crf(manifest).gaussian?.xy ?? 1,
  },
];

// A model's own steps, as the parameter has them; of several lists the first.
function scaling({ preprocess }) {
  const steps = [preprocess?.value_scaling ?? []].flat(1);
  const first = Array.isArray(steps[0]) ? steps[0] : steps;
  const words = first.map(({ type, ...numbers }) => `${type}:${Object.values(numbers).join(",")}`);
  return words.length ? words.join(";") : undefined;
}

const chosen = name => document.querySelector(`[name=${name}]:checked`).value;

/** Sliders that start at the model's own values; only moved sliders are sent. */
class Sliders {
  #rows;

  constructor(place, parameters, settled) {
    this.#rows = parameters.map(parameter => {
      const { label, min, max, step } = parameter;
      const value = element("output");
      const slider = element("input", { type: "range", min, max, step, oninput: () => {
        slider.dataset.touched = "";
        value.value = slider.value;
        settled();
      } });
      place.append(element("label", {}, element("span", {}, label), value, slider));
      return { ...parameter, slider, value };
    });
  }

  get #touched() {
    return this.#rows.filter(({ slider }) => slider.dataset.touched !== undefined);
  }

  /** The parameters of the query. */
  get query() {
    const asIs = value => value;
    return Object.fromEntries(this.#touched.map(({ name, slider, send = asIs }) => [name, send(slider.value)]));
  }

  forget() {
    this.#touched.forEach(({ slider }) => delete slider.dataset.touched);
  }

  follow(manifest) {
    for (const { slider, value, own } of this.#rows.filter(row => !this.#touched.includes(row))) {
      slider.value = own(manifest);
      value.value = own(manifest);
    }
  }
}

export class Settings {
  #tiles;
  #crf;
  #manifest = {};

  /** @param {() => void} onChange */
  constructor(onChange) {
    const settled = debounce(onChange, SETTLE_MS);
    for (const scale of SCALES) {
      const box = element("input", { type: "checkbox", name: "scale", value: scale, checked: scale === 1, onchange: settled });
      find("scales").append(element("label", {}, box, `${scale}×`));
    }
    this.#tiles = new Sliders(find("tiles"), TILES, settled);
    this.#crf = new Sliders(find("crf"), CRF, settled);
    find("flip").onchange = find("bands").onchange = find("value-scaling").onchange = settled;
    document.getElementsByName("quality").forEach(choice => (choice.onchange = settled));
    document.getElementsByName("mode").forEach(choice => (choice.onchange = () => {
      find("tiles").disabled = !this.#runsTiles;
      settled();
    }));
    find("crf-reset").onclick = () => {
      this.#crf.forget();
      this.#crf.follow(this.#manifest);
      document.getElementsByName("quality")[0].checked = true;
      onChange();
    };
  }

  /** Shows a model's own parameters, except on moved sliders, and disables sliders without an effect. */
  follow(manifest, refines) {
    this.#manifest = manifest;
    find("bands").placeholder = manifest.preprocess?.bands?.map(band => band.index).join(",") ?? "as in the file";
    find("value-scaling").placeholder = scaling(manifest) ?? "as in the file";
    this.#tiles.follow(manifest);
    this.#crf.follow(manifest);
    find("tiles").disabled = !this.#runsTiles;
    find("crf-settings").disabled = !refines;
  }

  /** The query's parameters of the bands; empty for the model's own bands and values. */
  get bands() {
    const [bands, steps] = ["bands", "value-scaling"].map(id => find(id).value.trim());
    return { ...(bands && { bands }), ...(steps && { "value_scaling": steps }) };
  }

  /** The query's parameters of the passes; empty for the model's own passes. */
  get passes() {
    const scales = [...document.querySelectorAll("[name=scale]:checked")].map(box => box.value).join(",");
    const mode = chosen("mode");
    return {
      ...(mode && { mode }),
      ...(this.#runsTiles && this.#tiles.query),
      ...(scales && scales !== "1" && { scales }),
      ...(find("flip").checked && { flip: "true" }),
    };
  }

  /** The query's parameters of the CRF: only moved sliders, because each model has its own values. */
  get crf() {
    const quality = chosen("quality");
    return { ...this.#crf.query, ...(quality !== "exact" && { "crf.quality": quality }) };
  }

  get #runsTiles() {
    return (chosen("mode") || this.#manifest.inference?.mode) === "slide";
  }
}
