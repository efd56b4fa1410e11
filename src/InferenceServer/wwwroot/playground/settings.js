// How often the network looks, and how the CRF refines: what both sides share.

import { debounce, element, find } from "./dom.js";

const SCALES = [0.5, 0.75, 1, 1.25, 1.5];
const SETTLE_MS = 250; // a slider tells of every step

// `own` reads a model's value out of its manifest; what is left out there is the server's default.
const CRF = [
  { name: "crf.iterations", label: "Iterations", min: 0, max: 20, step: 1, own: crf => crf.iterations ?? 10 },
  { name: "crf.bilateral.weight", label: "Appearance weight", min: 0, max: 20, step: 0.1, own: crf => crf.bilateral?.weight ?? 4 },
  { name: "crf.bilateral.xy", label: "Appearance reach, pixels", min: 1, max: 150, step: 1, own: crf => crf.bilateral?.xy ?? 67 },
  { name: "crf.bilateral.rgb", label: "Appearance reach, colour steps", min: 0.2, max: 40, step: 0.1, own: crf => crf.bilateral?.rgb ?? 3 },
  { name: "crf.gaussian.weight", label: "Smoothness weight", min: 0, max: 20, step: 0.01, own: crf => crf.gaussian?.weight ?? 3 },
  { name: "crf.gaussian.xy", label: "Smoothness reach, pixels", min: 0.1, max: 20, step: 0.1, own: crf => crf.gaussian?.xy ?? 1 },
];

export class Settings {
  #sliders = new Map();

  /** @param {() => void} onChange */
  constructor(onChange) {
    const settled = debounce(onChange, SETTLE_MS);
    for (const scale of SCALES) {
      const box = element("input", { type: "checkbox", name: "scale", value: scale, checked: scale === 1, onchange: settled });
      find("scales").append(element("label", {}, box, `${scale}×`));
    }
    for (const { name, label, min, max, step } of CRF) {
      const value = element("output");
      const slider = element("input", { type: "range", min, max, step, oninput: () => {
        slider.dataset.touched = "";
        value.value = slider.value;
        settled();
      } });
      find("crf").append(element("label", {}, element("span", {}, label), value, slider));
      this.#sliders.set(name, { slider, value });
    }
    find("flip").onchange = settled;
    document.getElementsByName("quality").forEach(choice => (choice.onchange = settled));
    find("crf-reset").onclick = () => {
      this.#sliders.forEach(({ slider }) => delete slider.dataset.touched);
      document.getElementsByName("quality")[0].checked = true;
      this.follow(this.model);
      onChange();
    };
  }

  /** Shows a model's own parameters, save where somebody moved the slider. */
  follow(crf) {
    this.model = crf;
    for (const { name, own } of CRF) {
      const { slider, value } = this.#sliders.get(name);
      if (slider.dataset.touched === undefined) {
        slider.value = own(crf);
        value.value = own(crf);
      }
    }
  }

  /** The query's part on passes; empty where the photograph runs once. */
  get passes() {
    const scales = [...document.querySelectorAll("[name=scale]:checked")].map(box => box.value).join(",");
    return { ...(scales && scales !== "1" && { scales }), ...(find("flip").checked && { flip: "true" }) };
  }

  /** The query's part on the CRF: only what somebody chose, for each model has values that suit it. */
  get crf() {
    const touched = [...this.#sliders].filter(([, { slider }]) => slider.dataset.touched !== undefined).map(([name, { slider }]) => [name, slider.value]);
    const quality = document.querySelector("[name=quality]:checked").value;
    return { ...Object.fromEntries(touched), ...(quality !== "exact" && { "crf.quality": quality }) };
  }
}
