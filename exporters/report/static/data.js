"use strict";
// The runs of the page: the JSON in it, with what the browser needs to find things fast.

const KINDS = { typical: "typical", anomalous: "anomalous", unknown: "not judged" };
const OUTCOMES = { described: "described", failed: "failed", skipped: "not described", pending: "to be described" };

/** Base64 of little-endian float32. */
function floats(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

/** A column for uPlot, which breaks a line at null. */
function column(text) {
  return Array.from(floats(text), (value) => (Number.isNaN(value) ? null : value));
}

/** A run with its curve decoded when it is first drawn, and the words of its segments in lower case. */
function preparedRun(run) {
  run.segments.forEach((segment, place) => {
    segment.run = run;
    segment.place = place;
    segment.words ??= wordsOf(run, segment);
  });
  return run;
}

/** A run of which only a part was sent: `same` is how many of the first items of each list are those of `own`. */
function joinedRun(own, run, same) {
  if (!own) return run;
  const joined = { ...run };
  for (const name of ["segments", "marks", "pictures"]) joined[name] = [...own[name].slice(0, same[name]), ...run[name]];
  if (run.curve && same.points) {
    const rest = columnsOf(run);
    const columns = columnsOf(own).map((column, place) => [...column.slice(0, same.points), ...rest[place]]);
    joined.curve = { ...run.curve, columns };
  }
  return joined;
}

function columnsOf(run) {
  const curve = run.curve;
  if (curve && !curve.columns) {
    curve.columns = ["t_s", "score", "smoothed", "theta_on", "theta_off"].map((name) => column(curve[name]));
  }
  return curve ? curve.columns : [[], [], [], [], []];
}

function wordsOf(run, segment) {
  const words = [run.name, run.source, segment.id, segment.reason];
  for (const action of segment.actions) {
    words.push(action.scene, action.subtask, action.motion, action.prediction);
    for (const thing of action.objects) words.push(thing.name);
  }
  return words.join(" ").toLowerCase();
}

const LABEL_MAX = 24;

/** Names of clips without what they all begin with, which says nothing and takes the room; names differ at their ends. */
function nameRuns(runs) {
  const names = runs.map((run) => run.name);
  let common = 0;
  while (runs.length > 1 && names.every((name) => common < name.length && name[common] === names[0][common])) common += 1;
  for (const run of runs) run.label = shortened(common > 8 && common < run.name.length ? `…${run.name.slice(common - 4)}` : run.name);
}

/** A name without its middle, if it is long. */
function shortened(name) {
  const letters = [...name];
  const end = (LABEL_MAX - 1) >> 1;
  return letters.length <= LABEL_MAX ? name : `${letters.slice(0, LABEL_MAX - 1 - end).join("")}…${letters.slice(-end).join("")}`;
}

/** The first place in a list that ascends by a key whose key is not below the value. */
function firstFrom(list, value, key = (each) => each) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function picturesOf(run, fromS, toS) {
  const at = (picture) => picture.t_s;
  return run.pictures.slice(firstFrom(run.pictures, fromS - 0.0005, at), firstFrom(run.pictures, toS - 0.0005, at));
}

/** The picture that represents a segment: where its first described object is, or its middle. */
function thumbnailOf(segment) {
  const own = picturesOf(segment.run, segment.t_start_s, segment.t_end_s);
  if (!own.length) return null;
  const first = segment.actions.find((action) => action.objects.length);
  return first ? nearest(own, boxesS(first)) : own[own.length >> 1];
}

/** Time of the keyframe that an action's boxes are in; its start, where that is not known. */
function boxesS(action) {
  const thing = action.objects.find((each) => each.keyframe_t_s !== null);
  return thing ? thing.keyframe_t_s : action.t_start_s;
}

function nearest(pictures, t_s) {
  return pictures.reduce((best, each) => (Math.abs(each.t_s - t_s) < Math.abs(best.t_s - t_s) ? each : best));
}

function segmentAt(run, t_s) {
  const place = firstFrom(run.segments, t_s + 1e-6, (segment) => segment.t_start_s) - 1;
  return run.segments[Math.max(0, place)] || null;
}

/** Anomalous before all others, then by how far the score is above its threshold. */
function byUnusual(a, b) {
  const anomalous = (b.kind === "anomalous") - (a.kind === "anomalous");
  return anomalous || b.unusual - a.unusual || a.t_start_s - b.t_start_s;
}

function headlineOf(segment) {
  const active = segment.actions.filter((action) => action.active).map((action) => action.subtask);
  if (active.length) return active.join(" · ");
  if (segment.actions.length) return "idle";
  if (segment.outcome === "failed") return segment.reason;
  if (2 * segment.idle_s >= segment.t_end_s - segment.t_start_s) return "idle";
  return "";
}

function scoreText(segment) {
  if (segment.score_max === null) return "not scored";
  const times = segment.unusual ? `, ${segment.unusual.toFixed(1)} x threshold` : "";
  return `score ${segment.score_max.toFixed(3)}${times}`;
}
