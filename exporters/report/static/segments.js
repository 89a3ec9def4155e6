"use strict";
// The list of segments of all runs: filters, search, order. Only the rows in view exist.

const SPARE_ROWS = 6;

class SegmentList {
  /** `choose` is called with a segment that was clicked. */
  constructor(choose) {
    this.choose = choose;
    this.box = byId("list");
    this.space = el("div", { class: "space", role: "presentation" });
    this.box.append(this.space);
    this.runs = [];
    this.rows = [];
    this.selected = null;
    this.filters = new Set();
    this.pressed = false;
    this.waiting = false;
    this.space.addEventListener("pointerdown", () => { this.pressed = true; });
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => setTimeout(() => this.release()));
    this.box.addEventListener("scroll", () => this.draw());
    this.box.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("resize", () => this.draw());
    byId("search").addEventListener("input", () => this.update());
    byId("segment-sort").addEventListener("change", () => this.update());
    for (const button of byId("filters").children) button.addEventListener("click", () => this.toggle(button));
  }

  toggle(button) {
    const name = button.dataset.filter;
    if (!this.filters.delete(name)) this.filters.add(name);
    button.setAttribute("aria-pressed", String(this.filters.has(name)));
    this.update();
  }

  /** Show the segments of these runs; `stay` leaves the list where it is scrolled to. */
  setRuns(runs, stay = false) {
    this.runs = runs;
    nameRuns(runs);
    this.update(stay);
  }

  select(segment) {
    const changedRun = this.selected && segment && this.selected.run !== segment.run;
    this.selected = segment;
    if (this.filters.has("here") && changedRun) this.update();
    const place = this.rows.indexOf(segment);
    if (place >= 0) this.reveal(place);
    this.draw();
  }

  update(stay = false) {
    const terms = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = this.runs.flatMap((run) => run.segments);
    this.rows = all.filter((segment) => this.passes(segment) && terms.every((term) => segment.words.includes(term)));
    const orders = {
      unusual: byUnusual,
      time: null,
      length: (a, b) => b.t_end_s - b.t_start_s - (a.t_end_s - a.t_start_s),
    };
    const order = orders[byId("segment-sort").value];
    if (order) this.rows.sort(order);
    byId("shown-count").textContent = this.rows.length === all.length ? all.length.toLocaleString("en") : `${this.rows.length.toLocaleString("en")} of ${all.length.toLocaleString("en")}`;
    if (!stay) this.box.scrollTop = 0;
    this.draw();
  }

  passes(segment) {
    const is = {
      anomalous: segment.kind === "anomalous",
      described: segment.outcome === "described",
      failed: segment.outcome === "failed",
      here: this.selected !== null && segment.run === this.selected.run,
    };
    return [...this.filters].every((name) => is[name]);
  }

  rowHeight() {
    return matchMedia("(max-width: 760px)").matches ? 92 : 68;
  }

  reveal(place) {
    const height = this.rowHeight();
    const top = place * height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + height > this.box.scrollTop + this.box.clientHeight) this.box.scrollTop = top + height - this.box.clientHeight;
  }

  /** The button is up, and the click has been handled. */
  release() {
    this.pressed = false;
    if (this.waiting) this.draw();
  }

  /** Replace the rows in view; not while a button is down on one, for the click would be lost with it. */
  draw() {
    this.waiting = this.pressed;
    if (this.pressed) return;
    const height = this.rowHeight();
    this.space.style.height = `${this.rows.length * height}px`;
    const first = Math.max(0, Math.floor(this.box.scrollTop / height) - SPARE_ROWS);
    const last = Math.min(this.rows.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / height) + SPARE_ROWS);
    const made = [];
    for (let place = first; place < last; place += 1) made.push(this.row(this.rows[place], place, height));
    this.space.replaceChildren(...made);
    if (!this.rows.length) this.space.append(el("p", { class: "none" }, this.runs.length ? "No segment matches." : "No run yet."));
    const selected = this.rows.indexOf(this.selected);
    if (selected >= first && selected < last) this.box.setAttribute("aria-activedescendant", `row-${selected}`);
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(segment, place, height) {
    const picture = thumbnailOf(segment);
    const made = el(
      "div",
      {
        class: "row", role: "option", id: `row-${place}`, "aria-posinset": place + 1, "aria-setsize": this.rows.length,
        "aria-selected": String(segment === this.selected),
      },
      picture ? el("img", { class: "thumb", src: picture.src, alt: "" }) : el("div", { class: "thumb" }),
      el("div", { class: "where" }, this.runs.length > 1 ? outside(segment.run.label, "b", { title: segment.run.name }) : el("b", {}, segment.id), el("span", {}, `${this.runs.length > 1 ? `${segment.id} · ` : ""}${clock(segment.t_start_s)} to ${clock(segment.t_end_s)}`)),
      el("div", { class: "tags" }, badge(segment.kind, KINDS[segment.kind]), segment.outcome === "skipped" ? null : badge(segment.outcome, OUTCOMES[segment.outcome])),
      el("div", { class: "says" }, headlineOf(segment) ? outside(headlineOf(segment), "span") : el("span", { class: "quiet" }, scoreText(segment))),
    );
    made.style.top = `${place * height}px`;
    made.addEventListener("click", () => this.choose(segment));
    return made;
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity };
    if (!(event.key in steps) || !this.rows.length) return;
    event.preventDefault();
    const place = this.rows.indexOf(this.selected) + steps[event.key];
    this.choose(this.rows[Math.min(Math.max(place, 0), this.rows.length - 1)]);
  }
}
