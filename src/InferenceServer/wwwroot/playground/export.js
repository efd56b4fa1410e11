import { segment, segmentPath } from "./api.js";
import { element, find } from "./dom.js";
import { key } from "./key.js";
import { attempt } from "./notice.js";

const EXTENSIONS = {
  png: "png",
  overlay: "png",
  "overlay-jpeg": "jpg",
  color: "png",
  raw: "raw",
  json: "json",
  confidence: "png",
  "coco-rle": "json",
  polygons: "json",
  geojson: "geojson",
  masks: "zip",
  npy: "npy",
  "npy-probabilities": "npy",
};

const quote = text => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
const stem = name => name.replace(/\.[^.]*$/, "");

/** The answer as a file, in any format that the server has, and the command that fetches the same. */
export class Export {
  #current;

  /** @param {() => {sides: import("./side.js").Side[], image: {file: Blob, name: string} | null, settings: object, opacity: number}} current */
  constructor(current, onError) {
    this.#current = current;
    find("export").onchange = () => this.update();
    find("copy").onclick = async e => {
      getSelection().selectAllChildren(find("curl")); // over plain HTTP the browser lends no clipboard, but Ctrl+C takes what is selected
      const copied = await navigator.clipboard?.writeText(find("curl").textContent).then(() => true, () => false);
      e.target.textContent = copied ? "Copied" : "Selected";
      setTimeout(() => (e.target.textContent = "Copy command"), 1500);
    };
    find("download").onclick = () => attempt(() => this.#download(), onError);
  }

  /** Fills the list of formats. */
  offer(formats) {
    find("formats").replaceChildren(find("formats").firstElementChild, ...formats.map((format, i) =>
      element("label", {}, element("input", { type: "radio", name: "format", value: format, checked: i === 0 }), format)));
    this.update();
  }

  /** Writes the command for what is chosen now. */
  update() {
    const { sides, image } = this.#current();
    find("export-sides").hidden = sides.length < 2;
    find("download").disabled = !image || sides.length === 0;
    find("curl").textContent = sides.length === 0 ? "" : [
      `curl --data-binary @${quote(image?.name ?? "photo.jpg")}`,
      ...(image?.file.type ? [`-H ${quote(`Content-Type: ${image.file.type}`)}`] : []),
      ...(key() ? [`-H "Authorization: Bearer $KEY"`] : []),
      quote(new URL(this.#path(), document.baseURI).href),
      `-o ${quote(this.#file(image?.name ?? "photo.jpg"))}`,
    ].join(" \\\n  ");
  }

  get #format() {
    return document.querySelector("[name=format]:checked")?.value ?? "png";
  }

  #file(photograph) {
    const format = this.#format;
    return `${stem(photograph)}-${format === "png" ? "mask" : format}.${EXTENSIONS[format] ?? "bin"}`;
  }

  #path() {
    const { sides, settings, opacity } = this.#current();
    const side = sides.find(s => s.id === document.querySelector("[name=export-side]:checked").value) ?? sides[0];
    return segmentPath(side.model, { format: this.#format, ...(this.#format.startsWith("overlay") && { alpha: opacity }), ...side.query(settings) });
  }

  async #download() {
    const { sides, image } = this.#current();
    if (sides.length === 0) {
      return; // another model is being asked about
    }
    const file = this.#file(image.name); // before somebody chooses another format
    const answer = await segment(this.#path(), image.file);
    const url = URL.createObjectURL(new Blob([answer.bytes], { type: answer.type }));
    element("a", { href: url, download: file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may ask where to put it first
  }
}
