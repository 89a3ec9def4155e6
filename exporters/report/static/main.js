"use strict";
// The page: what is selected, the keys, and what follows from them.

class Page {
  constructor(runs) {
    this.runs = runs.map(preparedRun);
    this.run = null;
    this.segment = null;
    this.timeline = new Timeline((segment) => this.select(segment));
    this.player = new Player(byId("player"), (t_s) => this.timeline.play(t_s));
    this.details = new Details(byId("details"), (action) => this.player.showAction(action));
    this.list = new SegmentList((segment) => this.select(segment));
    this.clips = new ClipList((run) => this.open(run));
    this.clips.setRuns(this.runs);
    this.list.setRuns(this.runs);
    this.restMs = 0;
    this.listsSoon = once(() => this.drawLists(), (run) => setTimeout(run, this.restMs));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("hashchange", () => this.follow());
    if (this.runs.length && !this.follow()) this.open([...this.runs].sort((a, b) => this.unusual(b) - this.unusual(a))[0]);
    if (!this.runs.length) this.details.show(null);
  }

  unusual(run) {
    return run.segments.reduce((best, each) => Math.max(best, each.unusual), 0);
  }

  /** Open the segment that the address names; whether there is one. */
  follow() {
    const [key, id] = location.hash.slice(1).split("/").map(decoded);
    const run = this.runs.find((each) => each.key === key);
    if (!run) return false;
    const segment = run.segments.find((each) => each.id === id) || run.segments[0] || null;
    if (segment !== this.segment || run !== this.run) this.open(run, segment);
    return true;
  }

  /** Show a run, at its most unusual segment unless another one is named. */
  open(run, segment = [...run.segments].sort(byUnusual)[0] || null) {
    this.show(run);
    this.timeline.show(run, segment);
    this.choose(segment);
  }

  show(run) {
    this.run = run;
    byId("clip-name").textContent = run.name;
    byId("clip-state").textContent = run.state_text;
    byId("clip-state").className = `badge ${run.state}`;
    byId("clip-numbers").textContent = `${clock(run.t_end_s)}, ${count(run.segments.length, "segment")}`;
    byId("facts-of").textContent = this.runs.length > 1 ? run.name : "";
    for (const facts of document.querySelectorAll(".facts")) facts.hidden = facts.dataset.run !== run.key;
    this.clips.select(run);
  }

  /** The reader's choice: the segment plays at once, unless the system asks for less motion. */
  select(segment) {
    if (segment.run !== this.run) {
      this.show(segment.run);
      this.timeline.show(segment.run, segment);
    }
    this.choose(segment);
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) this.player.play();
    history.replaceState(null, "", `#${encodeURIComponent(segment.run.key)}/${encodeURIComponent(segment.id)}`);
  }

  choose(segment) {
    this.segment = segment;
    this.timeline.select(segment);
    this.player.show(segment);
    this.details.show(segment);
    this.list.select(segment);
  }

  /** A run that is new, or has more than before: what is selected stays selected. */
  changed(run, factsHtml) {
    preparedRun(run);
    const place = this.runs.findIndex((each) => each.key === run.key);
    if (place < 0) this.runs.push(run);
    else this.runs[place] = run;
    const facts = document.querySelector(`.facts[data-run="${CSS.escape(run.key)}"]`) || el("div", { class: "facts", "data-run": run.key, hidden: true });
    facts.replaceChildren(...nodesOf(factsHtml));
    if (!facts.parentNode) byId("facts").append(facts);
    if (this.run === null || this.run.key === run.key) this.refresh(run);
    this.listsSoon();
  }

  refresh(run) {
    const isFirst = this.run === null;
    const same = this.segment && run.segments.find((each) => each.id === this.segment.id);
    const hasNews = !same || same.outcome !== this.segment.outcome;
    const chosen = same || run.segments[run.segments.length - 1] || null;
    this.show(run);
    this.timeline.show(run, chosen, !isFirst);
    this.list.selected = chosen;
    if (hasNews) return this.choose(chosen);
    this.segment = chosen;
    this.timeline.select(chosen);
  }

  /** Draw the lists again, where they are scrolled to; next time not before five times as long as it took. */
  drawLists() {
    const began = performance.now();
    this.clips.setRuns(this.runs);
    this.list.setRuns(this.runs, true);
    this.restMs = 5 * (performance.now() - began);
  }

  gone(key) {
    const before = this.runs.length;
    this.runs = this.runs.filter((run) => run.key !== key);
    if (this.runs.length === before) return;
    if (!this.runs.length) return location.reload(); // as a page begins: without any run
    document.querySelector(`.facts[data-run="${CSS.escape(key)}"]`)?.remove();
    if (this.run.key === key) this.open(this.runs[0]);
    this.listsSoon();
  }

  step(by) {
    const segments = this.run.segments;
    const place = Math.min(Math.max((this.segment ? this.segment.place : 0) + by, 0), segments.length - 1);
    if (segments[place]) this.select(segments[place]);
  }

  nextAnomalous() {
    const segments = this.run.segments;
    const from = this.segment ? this.segment.place + 1 : 0;
    const found = [...segments.slice(from), ...segments.slice(0, from)].find((segment) => segment.kind === "anomalous");
    if (found) this.select(found);
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || !this.run) return;
    const target = event.target;
    if (target.matches("input, select, textarea, .list, video")) return;
    const keys = {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      Home: () => this.step(-Infinity),
      End: () => this.step(Infinity),
      n: () => this.nextAnomalous(),
      " ": () => this.player.toggle(),
      "+": () => this.timeline.zoom(0.5),
      "=": () => this.timeline.zoom(0.5),
      "-": () => this.timeline.zoom(2),
      0: () => this.timeline.reset(),
      "/": () => byId("search").focus(),
    };
    const isPressed = event.key === " " && target.matches("button, summary, a");
    if (!(event.key in keys) || isPressed) return;
    if ((event.key === "Home" || event.key === "End") && target !== this.timeline.box) return;
    event.preventDefault();
    keys[event.key]();
  }
}

/** A part of an address as it was before it was encoded; as it is where it is not valid. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const page = new Page(JSON.parse(byId("data").textContent));
if ("live" in document.body.dataset) new Live(page);
