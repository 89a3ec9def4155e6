"use strict";
// The scores over time, drawn by uPlot.

const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

class ScorePlot {
  /** `moved` is called when the visible time changes, `shown` with the values under the pointer, `chosen` with a time. */
  constructor(parent, { moved, shown, chosen }) {
    Object.assign(this, { parent, moved, shown, chosen });
    this.plot = null;
  }

  draw(run, width, height) {
    if (this.plot) this.plot.destroy();
    this.run = run;
    const line = (name, shade, wide, dash) => ({ label: name, stroke: color(shade), width: wide, dash, points: { show: false } });
    this.plot = new uPlot(
      {
        width,
        height,
        padding: [10, 30, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: true, y: false, dist: 5 }, points: { show: false }, y: false },
        scales: { x: { time: false, range: (_, low, high) => [low, high] }, y: { range: (_, low, high) => this.range(low, high) } },
        axes: [this.timeAxis(), this.scoreAxis(width)],
        series: [
          {},
          line("score", "score", 1),
          line("average", "ema", 1.6),
          line("opens above", "on", 1.4, [7, 4]),
          line("closes below", "off", 1.4, [2, 3]),
        ],
        hooks: {
          drawClear: [(plot) => this.shade(plot)],
          setScale: [(_, key) => key === "x" && this.moved()],
          setCursor: [(plot) => this.shown(plot.cursor.idx)],
          ready: [(plot) => this.listen(plot)],
        },
      },
      columnsOf(run),
      this.parent,
    );
    this.reset();
  }

  range(low, high) {
    return low === null || high === null ? [0, 1] : [Math.min(0, low), high > 0 ? high * 1.1 : 1];
  }

  timeAxis() {
    return {
      incrs: TIME_STEPS,
      space: 84,
      size: 26,
      gap: 4,
      stroke: color("quiet"),
      grid: { stroke: color("line"), width: 1 },
      ticks: { show: false },
      values: (_, times) => times.map((t_s) => clock(t_s, this.span() < 8 ? 1 : 0)),
    };
  }

  scoreAxis(width) {
    const space = width < 600 ? 40 : 54;
    return { size: space, gap: 4, stroke: color("quiet"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false } };
  }

  listen(plot) {
    let downAt = 0;
    plot.over.addEventListener("mousedown", (event) => (downAt = event.clientX));
    plot.over.addEventListener("click", (event) => {
      if (Math.abs(event.clientX - downAt) < 5) this.chosen(plot.posToVal(plot.cursor.left, "x"));
    });
    plot.over.addEventListener("dblclick", () => this.reset());
  }

  /** Tint the anomalous segments in view, and the first warm-up, in which nothing can be judged. */
  shade(plot) {
    const context = plot.ctx;
    const { top, height } = plot.bbox;
    context.save();
    this.shadeWarmUp(plot, context);
    context.fillStyle = color("tint");
    for (const segment of this.visible()) {
      if (segment.kind !== "anomalous") continue;
      const left = plot.valToPos(Math.max(segment.t_start_s, this.low()), "x", true);
      const right = plot.valToPos(Math.min(segment.t_end_s, this.high()), "x", true);
      context.fillRect(left, top, Math.max(1, right - left), height);
    }
    context.restore();
  }

  shadeWarmUp(plot, context) {
    const end = this.run.judged_from_s ?? (this.run.curve ? this.run.t_end_s : 0);
    if (end <= this.low()) return;
    const ratio = window.devicePixelRatio || 1;
    const { top, height, left } = plot.bbox;
    const width = plot.valToPos(Math.min(end, this.high()), "x", true) - left;
    context.fillStyle = color("warm");
    context.fillRect(left, top, width, height);
    if (width < 150 * ratio) return;
    context.fillStyle = color("quiet");
    context.font = `${12 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
    context.fillText("warm-up: not judged", left + 8 * ratio, top + 16 * ratio);
  }

  visible() {
    const segments = this.run.segments;
    const first = Math.max(0, firstFrom(segments, this.low(), (segment) => segment.t_start_s) - 1);
    return segments.slice(first, firstFrom(segments, this.high(), (segment) => segment.t_start_s));
  }

  low() { return this.plot && this.plot.scales.x.min != null ? this.plot.scales.x.min : 0; }
  high() { return this.plot && this.plot.scales.x.max != null ? this.plot.scales.x.max : this.run.t_end_s; }
  span() { return this.high() - this.low(); }

  reset() { this.show(0, this.run.t_end_s); }

  /** Show the time from `low` to `high`, within the clip and not less than two seconds. */
  show(low, high) {
    const end = Math.max(this.run.t_end_s, 0.5);
    const width = Math.min(end, Math.max(Math.min(2, end), high - low));
    const from = Math.max(0, Math.min(low, end - width));
    this.plot.setScale("x", { min: from, max: from + width });
  }

  zoom(factor, around) {
    const width = this.span() * factor;
    const share = (around - this.low()) / this.span();
    this.show(around - width * share, around + width * (1 - share));
  }

  /** Move the view so that a segment is in it. */
  reveal(segment) {
    if (segment.t_start_s >= this.low() && segment.t_end_s <= this.high()) return;
    const width = this.span();
    const middle = (segment.t_start_s + segment.t_end_s) / 2;
    this.show(middle - width / 2, middle + width / 2);
  }

  /** Left edge and width of the plotting area, CSS pixels. */
  area() {
    const ratio = window.devicePixelRatio || 1;
    return { left: this.plot.bbox.left / ratio, width: this.plot.bbox.width / ratio };
  }
}
