"use strict";
// Plays a segment: its part of the rectified clip, or its keyframes as a flip-book, with the objects of an action.

const FLIPS_PER_S = 5;
const SAME_S = 0.0015; // keyframes are named by milliseconds
const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
const SVG = "http://www.w3.org/2000/svg";

class Player {
  /** `moved` is called with the stream time that is shown. */
  constructor(parent, moved) {
    this.moved = moved;
    this.timer = null;
    this.image = el("img", { alt: "" });
    this.video = el("video", { playsinline: true, preload: "metadata", muted: true });
    this.overlay = document.createElementNS(SVG, "svg");
    this.empty = el("div", { class: "empty" });
    this.stage = el("div", { class: "stage" }, this.video, this.image, this.overlay, this.empty);
    this.button = el("button", { type: "button", id: "play", "aria-label": "Play", onclick: () => this.toggle() }, "▶");
    this.slider = el("input", { type: "range", min: 0, max: 1000, value: 0, "aria-label": "Position in the segment" });
    this.slider.addEventListener("input", () => this.seek(this.slider.value / 1000));
    this.slider.addEventListener("keydown", (event) => this.step(event));
    this.clock = el("output", { id: "player-time" });
    parent.replaceChildren(this.stage, el("div", { class: "controls" }, this.button, this.slider, this.clock));
    this.video.addEventListener("timeupdate", () => this.followVideo());
    this.video.addEventListener("error", () => this.withoutVideo());
    this.video.addEventListener("pause", () => this.label(false));
    this.video.addEventListener("loadedmetadata", () => this.shape(this.video.videoWidth, this.video.videoHeight));
    this.image.addEventListener("load", () => this.shape(this.image.naturalWidth, this.image.naturalHeight));
  }

  show(segment) {
    this.stop();
    this.segment = segment;
    this.action = null;
    this.pictures = segment ? picturesOf(segment.run, segment.t_start_s, segment.t_end_s) : [];
    this.useVideo = Boolean(segment && segment.run.video) && segment.run.video !== this.broken;
    this.video.hidden = !this.useVideo;
    this.image.hidden = this.useVideo || !this.pictures.length;
    this.empty.hidden = this.useVideo || this.pictures.length > 0;
    this.empty.textContent = segment ? segment.run.pictures_note || "no picture of this segment" : "no segment is closed yet";
    if (this.useVideo && this.video.getAttribute("src") !== segment.run.video) this.video.src = segment.run.video;
    if (!this.useVideo && this.video.hasAttribute("src")) {
      this.video.removeAttribute("src");
      this.video.load();
    }
    this.button.disabled = this.slider.disabled = !this.useVideo && this.pictures.length < 2;
    if (segment) this.at(segment.t_start_s, this.useVideo ? null : this.pictures[0] || null);
  }

  /** Show the keyframe of an action, with its objects. */
  showAction(action) {
    this.stop();
    this.action = action;
    const t_s = boxesS(action);
    const picture = this.pictures.length ? nearest(this.pictures, t_s) : null;
    this.at(this.useVideo || !picture ? t_s : picture.t_s, picture);
  }

  toggle() {
    if (this.playing()) this.stop();
    else this.play();
  }

  /** Play, if there is something to be played. */
  play() {
    if (this.segment && !this.button.disabled) this.start();
  }

  playing() {
    return this.timer !== null || (this.useVideo && !this.video.paused);
  }

  start() {
    this.action = null;
    this.drawObjects();
    this.label(true);
    if (this.useVideo) {
      if (this.t_s >= this.segment.t_end_s - 0.1) this.video.currentTime = this.segment.t_start_s;
      this.video.play().catch(() => this.label(false));
      return;
    }
    let place = this.pictures.findIndex((picture) => picture.t_s >= this.t_s - 0.0005);
    if (place >= this.pictures.length - 1) place = -1;
    this.timer = setInterval(() => {
      place += 1;
      if (place >= this.pictures.length) return this.stop();
      this.at(this.pictures[place].t_s, this.pictures[place]);
    }, 1000 / FLIPS_PER_S);
  }

  stop() {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    if (!this.video.paused) this.video.pause();
    this.label(false);
  }

  label(playing) {
    this.button.textContent = playing ? "⏸" : "▶";
    this.button.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  seek(share) {
    this.stop();
    this.action = null;
    const t_s = this.segment.t_start_s + share * (this.segment.t_end_s - this.segment.t_start_s);
    if (this.useVideo) this.at(Math.min(t_s, this.segment.t_end_s - 0.02), null);
    else if (this.pictures.length) this.at(nearest(this.pictures, t_s).t_s, nearest(this.pictures, t_s));
  }

  /** An arrow key on the slider: the next keyframe or the one before, or a second of the video. */
  step(event) {
    const by = STEPS[event.key];
    if (!by || !this.segment) return;
    event.preventDefault();
    const { t_start_s, t_end_s } = this.segment;
    if (this.useVideo) return this.seek(Math.min(1, Math.max(0, (this.t_s + by - t_start_s) / (t_end_s - t_start_s))));
    const now = this.pictures.indexOf(nearest(this.pictures, this.t_s));
    const picture = this.pictures[Math.min(this.pictures.length - 1, Math.max(0, now + by))];
    this.stop();
    this.action = null;
    this.at(picture.t_s, picture);
  }

  at(t_s, picture) {
    if (picture && !this.useVideo) {
      this.image.src = picture.src;
      this.image.alt = `keyframe at ${clock(picture.t_s)}`;
    }
    if (this.useVideo) this.video.currentTime = t_s;
    this.showTime(t_s);
    this.drawObjects();
  }

  followVideo() {
    if (!this.useVideo || this.video.paused) return;
    if (this.video.currentTime >= this.segment.t_end_s) this.stop();
    this.showTime(Math.min(this.video.currentTime, this.segment.t_end_s));
  }

  /** The file beside the page is gone, or the browser cannot play it: the keyframes are shown. */
  withoutVideo() {
    if (!this.useVideo) return;
    this.broken = this.segment.run.video;
    this.show(this.segment);
  }

  showTime(t_s) {
    this.t_s = t_s;
    const { t_start_s, t_end_s } = this.segment;
    this.slider.value = String(Math.round((1000 * (t_s - t_start_s)) / Math.max(0.001, t_end_s - t_start_s)));
    this.slider.setAttribute("aria-valuetext", clock(t_s));
    this.clock.textContent = clock(t_s);
    this.moved(t_s);
  }

  shape(width, height) {
    if (width && height) this.stage.style.aspectRatio = `${width} / ${height}`;
  }

  /** The objects of the chosen action, in pixels of the keyframe that the annotator saw, and over no other picture. */
  drawObjects() {
    this.overlay.replaceChildren();
    if (!this.action || !this.segment || !this.segment.keyframe_px[0]) return;
    const [width, height] = this.segment.keyframe_px;
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const size = Math.max(10, Math.round(height / 22));
    for (const thing of this.action.objects) {
      if (thing.keyframe_t_s !== null && Math.abs(thing.keyframe_t_s - this.t_s) > SAME_S) continue;
      const [x1, y1, x2, y2] = thing.bbox;
      this.overlay.append(
        this.shapeOf("rect", { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1), class: thing.rigid ? "" : "soft" }),
        this.shapeOf("text", { x: Math.max(2, x1), y: y1 > size * 1.3 ? y1 - size * 0.35 : y2 + size, "font-size": size }, thing.name),
      );
    }
  }

  shapeOf(name, attributes, text = "") {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }
}
