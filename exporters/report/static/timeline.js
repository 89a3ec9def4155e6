"use strict";
// The time line of one run: plot and strip over the same time, one slider for keyboards and screen readers.

class Timeline {
  /** `choose` is called with a segment that was clicked. */
  constructor(choose) {
    this.box = byId("timeline");
    this.choose = choose;
    this.selected = null;
    this.playheadS = null;
    this.waiting = false;
    this.plot = new ScorePlot(byId("plot"), {
      moved: () => this.drawSoon(),
      shown: (place) => this.readout(place),
      chosen: (t_s) => this.chooseAt(t_s),
    });
    this.strip = new Strip(byId("strip"), () => this.drawSoon());
    byId("strip").addEventListener("click", (event) => this.chooseAt(this.timeAt(event)));
    this.box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    window.addEventListener("resize", () => this.run && this.show(this.run, this.selected, true));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.run && this.show(this.run, this.selected, true));
  }

  /** Show a run; `stay` leaves the visible time as it is. */
  show(run, selected, stay = false) {
    const [low, high] = stay && this.run ? [this.plot.low(), this.plot.high()] : [0, Infinity];
    const wasWhole = !stay || high >= this.run.t_end_s - 0.01;
    this.run = run;
    this.selected = selected;
    this.plot.draw(run, this.box.clientWidth, this.box.clientWidth < 600 ? 150 : 200);
    if (!wasWhole || low > 0) this.plot.show(low, high);
    this.drawSoon();
  }

  select(segment) {
    this.selected = segment;
    if (segment) this.plot.reveal(segment);
    this.drawSoon();
    const total = this.run.segments.length;
    this.box.setAttribute("aria-valuemax", String(Math.max(1, total)));
    this.box.setAttribute("aria-valuenow", String(segment ? segment.place + 1 : 1));
    this.box.setAttribute("aria-valuetext", segment ? this.describe(segment, total) : "no segment");
  }

  describe(segment, total) {
    const parts = [`segment ${segment.place + 1} of ${total}`, `${clock(segment.t_start_s)} to ${clock(segment.t_end_s)}`];
    parts.push(KINDS[segment.kind], scoreText(segment), headlineOf(segment) || OUTCOMES[segment.outcome]);
    return parts.join(", ");
  }

  play(t_s) {
    this.playheadS = t_s;
    this.drawSoon();
  }

  zoom(factor) {
    const middle = this.selected ? (this.selected.t_start_s + this.selected.t_end_s) / 2 : (this.plot.low() + this.plot.high()) / 2;
    this.plot.zoom(factor, Math.min(Math.max(middle, this.plot.low()), this.plot.high()));
  }

  reset() {
    this.plot.reset();
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.plot.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event));
  }

  timeAt(event) {
    const area = this.plot.area();
    const x = event.clientX - this.box.getBoundingClientRect().left - area.left;
    return this.plot.low() + (Math.min(Math.max(x, 0), area.width) / area.width) * this.plot.span();
  }

  chooseAt(t_s) {
    const segment = segmentAt(this.run, t_s);
    if (segment) this.choose(segment);
  }

  readout(place) {
    const [t_s, score, average, on] = columnsOf(this.run);
    const known = place !== null && place !== undefined && t_s[place] !== undefined;
    byId("readout").textContent = known
      ? `${clock(t_s[place])}  score ${number(score[place], 3)}  average ${number(average[place], 3)}  threshold ${number(on[place], 3)}`
      : "";
  }

  drawSoon() {
    if (this.waiting || !this.plot.plot) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.strip.draw(this.plot, this.run, this.selected, this.playheadS);
    });
  }
}
