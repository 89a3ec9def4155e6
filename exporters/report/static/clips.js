"use strict";
// The index of runs: one row each, with its segments in colour.

class ClipList {
  /** `choose` is called with a run that was clicked. */
  constructor(choose) {
    this.choose = choose;
    this.box = byId("clip-list");
    this.runs = [];
    byId("clip-sort").addEventListener("change", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  setRuns(runs) {
    this.runs = runs;
    byId("clips").hidden = runs.length < 2;
    this.draw();
  }

  select(run) {
    this.selected = run;
    for (const row of this.box.children) row.setAttribute("aria-current", String(row.dataset.key === run.key));
  }

  draw() {
    const most = (run) => run.segments.reduce((best, each) => Math.max(best, each.unusual), 0);
    const orders = {
      unusual: (a, b) => most(b) - most(a),
      name: (a, b) => a.name.localeCompare(b.name),
      length: (a, b) => b.t_end_s - a.t_end_s,
    };
    const runs = [...this.runs].sort(orders[byId("clip-sort").value]);
    const longest = Math.max(...runs.map((run) => run.t_end_s), 1);
    const focused = this.box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.box.replaceChildren(...runs.map((run) => this.row(run, longest)));
    if (this.selected) this.select(this.selected);
    if (focused !== null) [...this.box.children].find((row) => row.dataset.key === focused)?.focus({ preventScroll: true });
  }

  row(run, longest) {
    const strip = el("canvas", { "aria-hidden": "true" });
    const { segments, anomalous, described, failed } = run.counts;
    const numbers = [clock(run.t_end_s, 0), count(segments, "segment"), `${anomalous} anomalous`];
    if (described) numbers.push(`${described} described`);
    if (failed) numbers.push(`${failed} failed`);
    const name = el("span", {}, outside(run.name, "bdi", { class: "name" }), " ", badge(run.state, run.state));
    const made = el("button", { type: "button", class: "clip-row", "data-key": run.key }, name, strip, el("span", { class: "numbers" }, numbers.join(", ")));
    made.addEventListener("click", () => this.choose(run));
    requestAnimationFrame(() => this.drawStrip(strip, run, longest));
    return made;
  }

  drawStrip(canvas, run, longest) {
    const width = canvas.clientWidth;
    if (!width) return;
    const context = sharp(canvas, width, 16);
    const x = (t_s) => (t_s / longest) * width;
    const bar = (from, to, name, share = 1) => {
      context.fillStyle = color(name);
      context.fillRect(x(from), 0, Math.max(1, x(to) - x(from)), 16 * share);
    };
    for (const segment of run.segments) if (segment.kind !== "anomalous") bar(segment.t_start_s, segment.t_end_s, segment.kind);
    for (const segment of run.segments) if (segment.kind === "anomalous") bar(segment.t_start_s, segment.t_end_s, segment.kind);
    for (const mark of run.marks) bar(mark.t_start_s, mark.t_end_s, "lost", x(mark.t_end_s) - x(mark.t_start_s) < NARROW ? MARK_SHARE : 1);
  }
}
