import { element, find } from "./dom.js";

const MEANING = {
  read: "the image arrives",
  decode: "its bytes become pixels",
  preprocess: "resized and normalised for the network",
  queue: "waiting for the network",
  infer: "the network runs",
  postprocess: "scores become classes",
  crf: "the mask is refined",
  encode: "the mask becomes a file",
};

/** Reads `name;dur=1.25, …` (Server Timing, W3C) into milliseconds by stage. */
export const parseTiming = header =>
  new Map([...header.matchAll(/(?:^|,)\s*([\w-]+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]));

/** Draws a bar for each stage and side. */
export function showTimings(sides) {
  const timings = sides.map(side => parseTiming(side.result.timing));
  const stages = [...new Set(timings.flatMap(t => [...t.keys()]))].filter(stage => timings.some(t => t.get(stage) >= 0.005));
  const longest = Math.max(...timings.flatMap(t => [...t.values()]));
  const row = stage => element("div", { className: "stage", title: MEANING[stage] ?? "" },
    element("span", {}, stage),
    element("div", {}, ...timings.map((t, i) => bar(sides[i].id, t.get(stage) ?? 0, longest))));
  const total = (side, i) => {
    const inServer = [...timings[i].values()].reduce((sum, ms) => sum + ms, 0);
    return element("p", { className: "total" },
      ...(sides.length === 2 ? [element("span", { className: "badge" }, side.id.toUpperCase())] : []),
      `${milliseconds(inServer)} in the server, ${milliseconds(side.result.elapsed)} until the mask was here`);
  };
  find("timings").replaceChildren(...stages.map(row), ...sides.map(total));
}

function bar(id, duration, longest) {
  const fill = element("span", { className: `fill ${id}` });
  fill.style.width = `${(duration / longest) * 100}%`;
  const track = element("span", { className: "track" }, fill);
  return element("div", { className: "bar" }, track, element("span", { className: "value" }, milliseconds(duration)));
}

const milliseconds = ms => (ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 2 : 0)} ms`);
