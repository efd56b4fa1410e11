import { segment, segmentPath } from "./api.js";
import { element, find } from "./dom.js";
import { key } from "./key.js";
import { attempt } from "./notice.js";
import { SNIPPETS } from "./snippets.js";

const stem = name => name.replace(/\.[^.]*$/, "");

/** Downloads a mask in any format of the server, and shows the command or program that makes the same request. */
export class Export {
  #current;
  #extensions = new Map();

  /**
   * @typedef {{sides: import("./side.js").Side[], image: {file: Blob, name: string} | null, settings: object, opacity: number}} State
   * @param {() => State} current
   */
  constructor(current, onError) {
    this.#current = current;
    find("languages").append(...Object.keys(SNIPPETS).map((language, i) =>
      element("label", {}, element("input", { type: "radio", name: "language", value: language, checked: i === 0 }), language)));
    find("export").onchange = () => this.update();
    find("copy").onclick = async e => {
      // Over plain HTTP the browser has no clipboard API, but Ctrl+C copies the selection.
      getSelection().selectAllChildren(find("snippet"));
      const copied = await navigator.clipboard?.writeText(find("snippet").textContent).then(() => true, () => false);
      e.target.textContent = copied ? "Copied" : "Selected";
      setTimeout(() => (e.target.textContent = "Copy"), 1500);
    };
    find("download").onclick = () => attempt(() => this.#download(), onError);
  }

  /** Fills the list of formats. */
  offer(formats) {
    this.#extensions = new Map(formats.map(({ name, extension }) => [name, extension]));
    find("formats").replaceChildren(find("formats").firstElementChild, ...formats.map(({ name, summary }, i) =>
      element("label", { title: summary }, element("input", { type: "radio", name: "format", value: name, checked: i === 0 }), name)));
    this.update();
  }

  /** Writes the command or the program for the current choices. */
  update() {
    const { sides, image } = this.#current();
    const name = image?.name ?? "photo.jpg";
    find("export-sides").hidden = sides.length < 2;
    find("download").disabled = !image || sides.length === 0;
    find("snippet").textContent = sides.length === 0 ? "" : SNIPPETS[document.querySelector("[name=language]:checked").value]({
      image: name,
      type: image ? image.file.type || "application/octet-stream" : "image/jpeg",
      url: new URL(this.#path(), document.baseURI).href,
      output: this.#file(name),
      withKey: Boolean(key()),
    });
  }

  get #format() {
    return document.querySelector("[name=format]:checked")?.value ?? "png";
  }

  #file(image) {
    const format = this.#format;
    return `${stem(image)}-${format === "png" ? "mask" : format}${this.#extensions.get(format)}`;
  }

  #path() {
    const { sides, settings, opacity } = this.#current();
    const side = sides.find(s => s.id === document.querySelector("[name=export-side]:checked").value) ?? sides[0];
    const format = this.#format;
    const options = format.startsWith("overlay") ? { alpha: opacity } : format === "probability" ? { class: 0 } : {};
    return segmentPath(side.model, { format, ...options, ...side.query(settings) });
  }

  async #download() {
    const { sides, image } = this.#current();
    if (sides.length === 0) {
      return; // another model is being loaded
    }
    const file = this.#file(image.name); // read before the user chooses another format
    const answer = await segment(this.#path(), image.file);
    const url = URL.createObjectURL(new Blob([answer.bytes], { type: answer.type }));
    element("a", { href: url, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may first ask for a folder
  }
}
