// The sources of images: drop, paste, file dialog, camera and samples.

import { fetchSample } from "./api.js";
import { onCamera } from "./camera.js";
import { element, find } from "./dom.js";
import { attempt } from "./notice.js";

const SAMPLES = [
  { file: "street.jpg", name: "A rendered street" },
  { file: "dusk.jpg", name: "The street at dusk" },
  { file: "fog.jpg", name: "The street in fog" },
];

const PNG = [0x89, 0x50, 0x4e, 0x47];
const PNG_BITS = 24; // where a PNG's header has the bits of a sample
const TIFF = [[0x49, 0x49, 0x2a, 0], [0x4d, 0x4d, 0, 0x2a], [0x49, 0x49, 0x2b, 0], [0x4d, 0x4d, 0, 0x2b]];

/** Whether a file is a TIFF or a PNG with 16 bits, which only the server draws by the model's `preprocess.view`. */
export async function isRaster(file) {
  const head = new Uint8Array(await file.slice(0, PNG_BITS + 1).arrayBuffer());
  const starts = bytes => bytes.every((byte, i) => head[i] === byte);
  return TIFF.some(starts) || (starts(PNG) && head[PNG_BITS] === 16);
}

/** @param {(file: Blob, name: string) => void} onImage */
export function takeImages(onImage, onError) {
  const take = file => file && onImage(file, file.name || "image");
  const fromInput = input => (input.onchange = () => {
    take(input.files[0]);
    input.value = ""; // the same file may be opened again
  });
  fromInput(find("file"));
  fromInput(find("capture"));
  onCamera(take);
  addEventListener("paste", e => take(e.clipboardData.files[0]));
  onDrop(take);
  const fetchAndTake = file => attempt(async () => onImage(await fetchSample(file), file), onError);
  for (const id of ["samples", "samples-again"]) {
    find(id).append(...SAMPLES.map(sample => thumbnail(sample, fetchAndTake)));
  }
}

function onDrop(take) {
  const viewer = find("viewer");
  addEventListener("dragover", e => {
    e.preventDefault();
    viewer.classList.add("dropping");
  });
  addEventListener("dragleave", e => e.relatedTarget === null && viewer.classList.remove("dropping"));
  addEventListener("drop", e => {
    e.preventDefault();
    viewer.classList.remove("dropping");
    take(e.dataTransfer.files[0]);
  });
}

function thumbnail({ file, name }, onPress) {
  const picture = element("img", { src: `playground/samples/${file}`, alt: name });
  return element("button", { type: "button", title: name, onclick: () => onPress(file) }, picture);
}
