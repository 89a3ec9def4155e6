"use strict";
// The selected segment in words: its figures, its outcome, its actions.

class Details {
  /** `chosen` is called with an action that was clicked. */
  constructor(parent, chosen) {
    Object.assign(this, { parent, chosen });
  }

  show(segment) {
    if (!segment) {
      this.parent.replaceChildren(el("p", { class: "quiet" }, "Segments appear here as they are closed."));
      return;
    }
    const title = el("h3", {}, `${segment.id} · ${clock(segment.t_start_s)} to ${clock(segment.t_end_s)}`);
    const badges = el("div", { class: "line" }, badge(segment.kind, KINDS[segment.kind]), badge(segment.outcome, OUTCOMES[segment.outcome]));
    if (segment.reason) badges.append(outside(segment.reason, "span", { class: segment.outcome === "failed" ? "reason" : "quiet" }));
    this.parent.replaceChildren(title, badges, this.figures(segment), this.actions(segment));
  }

  figures(segment) {
    const judged = segment.run.judged_from_s;
    const rows = [
      ["length", `${number(segment.t_end_s - segment.t_start_s, 1)} s`],
      ["score, highest", `${number(segment.score_max, 3)}${segment.unusual ? ` (${segment.unusual.toFixed(2)} x threshold)` : ""}`],
      ["score, mean", number(segment.score_mean, 3)],
      ["closed by", segment.closed_by.replaceAll("_", " ")],
      ["known at", clock(segment.detected_at_s)],
    ];
    if (segment.period_s !== null) rows.push(["repeats every", `${segment.period_s.toFixed(1)} s`]);
    if (segment.cycles !== null) rows.push(["cycles", segment.cycles.toFixed(1)]);
    if (segment.mode !== null && segment.run.segments.some((other) => other.mode > 0)) rows.push(["usual work", `mode ${segment.mode}`]);
    rows.push(["moving", segment.activity === null ? "not measured" : `${(100 * segment.activity).toFixed(1)} % of the picture`]);
    if (segment.idle_s) rows.push(["idle", `${segment.idle_s.toFixed(1)} s: ${segment.idle.map(([from, to, signal]) => `${clock(from)} to ${clock(to)}${signal === "embedding" ? " by embeddings" : ""}`).join(", ")}`]);
    if (segment.damaged_s) rows.push(["damaged", `${segment.damaged_s.toFixed(2)} s`]);
    if (judged === null || segment.t_end_s <= judged) rows.push(["warm-up", "too early to be judged"]);
    else if (segment.t_start_s < judged) rows.push(["judged from", clock(judged)]);
    return el("dl", { class: "figures" }, ...rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }

  actions(segment) {
    const items = segment.actions.map((action) => el("li", {}, this.action(action)));
    return el("ol", { class: "actions", "aria-label": "Actions" }, ...items);
  }

  action(action) {
    const time = el("span", { class: "quiet" }, `${clock(action.t_start_s)} to ${clock(action.t_end_s)}`);
    const words = [action.scene, action.motion, action.prediction].filter(Boolean).map((text) => outside(text, "span", { class: "words" }));
    const things = action.objects.map((thing) => outside(thing.name, "span"));
    const made = el(
      "button",
      { type: "button", "aria-pressed": "false" },
      time,
      outside(action.active ? action.subtask : "idle", "span", { class: "subtask" }),
      ...words,
      things.length ? el("span", { class: "objects" }, ...things) : null,
    );
    made.addEventListener("click", () => {
      for (const other of this.parent.querySelectorAll(".actions button")) other.setAttribute("aria-pressed", String(other === made));
      this.chosen(action);
    });
    return made;
  }
}

function badge(name, text) {
  return el("span", { class: `badge ${name}` }, text);
}
