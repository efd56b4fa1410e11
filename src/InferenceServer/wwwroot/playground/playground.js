// The page: takes an image, requests its masks from the server, and shows them.

import { listFormats, listModels, segment, segmentPath } from "./api.js";
import { Divider } from "./divider.js";
import { find } from "./dom.js";
import { Export } from "./export.js";
import { isRaster, takeImages } from "./intake.js";
import { askForKey, onKey } from "./key.js";
import { showLegend } from "./legend.js";
import { attempt, calm, complain, dropProgress, endProgress, say, showProgress } from "./notice.js";
import { Probe } from "./probe.js";
import { Settings } from "./settings.js";
import { Side } from "./side.js";
import { showTimings } from "./timings.js";
import { Viewer } from "./viewer.js";
import { Zoom } from "./zoom.js";

const POLL_MS = 1000; // while models load

const viewer = new Viewer();
const divider = new Divider();
const settings = new Settings(run);
const sides = [new Side("a", changed, report), new Side("b", changed, report)];
const exports = new Export(() => ({ sides: chosen(), image, settings, opacity: viewer.opacity }), report);
const zoom = new Zoom();
new Probe(sideAt, (x, y) => zoom.imageAt(x, y));

let image = null;
let isolated = null;
let round = 0;

find("opacity").addEventListener("change", () => exports.update());
takeImages(open, report);
onKey(() => start().then(run));
start();

// The sides with a model, and the sides that already have a mask of this image.
function chosen() {
  return sides.filter(side => side.model);
}

function shown() {
  return chosen().filter(side => side.result?.image === image);
}

function sideAt(x) {
  const all = shown();
  return all.length === 2 ? all[x * 100 < divider.at ? 0 : 1] : all[0];
}

function start() {
  return attempt(learn, report);
}

/** Loads the list of models and formats; again while models load. */
async function learn() {
  const { models, default: standard } = await listModels();
  const ready = models.filter(m => m.state === "READY");
  const loading = models.filter(m => m.state === "LOADING");
  const { wanted } = sides[0]; // read before the list is filled, which selects its first entry
  const noun = ready.length === 1 ? "model" : "models";
  find("server").textContent = `${ready.length} ${noun} ready` + (loading.length ? `, ${loading.length} loading` : "");
  sides[0].offer(models);
  sides[1].offer(models, "No second model");
  const first = [wanted, standard].map(name => ready.find(m => m.name === name)).find(Boolean) ?? ready[0];
  if (!sides[0].model && first) {
    await sides[0].choose(first.name);
    // A proxy may block the OpenAPI document.
    exports.offer(await listFormats().catch(() => [{ name: "png", extension: ".png" }]));
    changed();
  }
  if (!sides[1].model && sides[1].wanted) {
    await sides[1].choose(sides[1].wanted);
    changed();
  }
  if (loading.length) {
    setTimeout(start, POLL_MS);
  }
}

async function open(file, name) {
  image = { file, name, drawn: false, shown: null };
  const opened = image;
  isolated = null;
  zoom.reset();
  show();
  opened.drawn = await isRaster(file);
  if (opened === image) {
    if (opened.drawn) {
      viewer.clear();
    }
    run();
  }
}

// The browser draws what it can, without a request. The server draws rasters, which browsers do not read or show too
// dark, and every image whose bands or values the user sets, because the network sees another image then.
async function view() {
  const asked = image;
  const side = chosen()[0];
  const bands = settings.bands;
  const drawn = asked.drawn || Object.keys(bands).length > 0;
  if (drawn && !side) {
    return;
  }
  const wanted = drawn ? segmentPath(side.model, { format: "view", ...bands }) : "";
  if (asked.shown === wanted) {
    return;
  }
  asked.shown = wanted;
  try {
    const picture = drawn ? await draw(wanted, asked.file) : asked.file;
    if (asked === image && asked.shown === wanted) {
      viewer.open(picture, asked.name, () => {
        asked.drawn = true;
        view();
      });
    }
  } catch {
    if (asked.shown === wanted) {
      asked.shown = null; // the request for the mask shows the reason; the next round tries again
    }
  }
}

async function draw(path, file) {
  const { bytes, type } = await segment(path, file);
  return new Blob([bytes], { type });
}

function changed() {
  settings.follow(sides[0].manifest, chosen().some(side => side.refines));
  show();
  run();
}

/** Brings every mask up to date. */
async function run() {
  exports.update();
  if (image) {
    view();
  }
  if (!image || chosen().length === 0) {
    return;
  }
  const mine = ++round;
  calm();
  const outcomes = await Promise.allSettled(chosen().map(side =>
    side.run(image, settings, share => showProgress(side.id, share)).finally(() => dropProgress(side.id)).then(show)));
  if (mine !== round) {
    return; // a newer round shows its own message
  }
  endProgress();
  show();
  const failure = outcomes.find(o => o.status === "rejected" && o.reason.name !== "AbortError")?.reason;
  if (failure) {
    say("");
    report(failure, run);
  }
}

function show() {
  const all = shown();
  if (all.length && !all.some(side => side.result.mask.has(isolated))) {
    isolated = null;
  }
  viewer.show(all, isolated);
  showLegend(all, isolated, name => {
    isolated = name;
    show();
  });
  showTimings(all);
  if (all.length) {
    const { mask } = all[0].result;
    say(`${image.name}, ${mask.width} × ${mask.height} pixels, ${size(image.file.size)}`);
  }
}

function report(error, again) {
  if (error.status === 401) {
    askForKey(error.message);
  }
  complain(error.message, again);
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
