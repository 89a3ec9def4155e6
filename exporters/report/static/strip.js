"use strict";
// Under the plot: segments in colour, what was lost, and the keyframes that fit; only what is visible is drawn.

const BAND = { top: 2, height: 20 };
const FILM = { top: 28, height: 62 };
const NARROW = 4;
const MARK_SHARE = 0.3; // of the band's height, for marks that would be wider than their time: they hide no segment
const STRIP_HEIGHT = FILM.top + FILM.height + 4;

class Strip {
  /** `redraw` is called when a picture has been loaded. */
  constructor(canvas, redraw) {
    Object.assign(this, { canvas, redraw });
    this.images = new Map();
  }

  draw(plot, run, selected, playheadS) {
    const width = this.canvas.clientWidth;
    this.canvas.style.height = `${STRIP_HEIGHT}px`;
    const context = sharp(this.canvas, width, STRIP_HEIGHT);
    const area = plot.area();
    this.x = (t_s) => area.left + ((t_s - plot.low()) / plot.span()) * area.width;
    context.clearRect(0, 0, width, STRIP_HEIGHT);
    context.save();
    context.beginPath();
    context.rect(area.left - 2, 0, area.width + 4, STRIP_HEIGHT);
    context.clip();
    this.drawSegments(context, plot.visible(), selected);
    this.drawMarks(context, run.marks, plot);
    this.drawFilm(context, plot, run, area);
    if (selected) this.drawFrame(context, selected);
    if (playheadS !== null) this.drawPlayhead(context, playheadS);
    context.restore();
  }

  drawSegments(context, segments, selected) {
    for (const segment of segments) {
      const left = this.x(segment.t_start_s);
      const width = Math.max(1, this.x(segment.t_end_s) - left - (this.x(segment.t_end_s) - left > 4 ? 1 : 0));
      context.globalAlpha = selected === segment ? 1 : 0.82;
      context.fillStyle = color(segment.kind);
      context.fillRect(left, BAND.top, width, BAND.height);
      context.globalAlpha = 1;
      if (width > 4 && (segment.outcome === "described" || segment.outcome === "failed")) {
        context.fillStyle = color(segment.outcome);
        context.fillRect(left, BAND.top + BAND.height, width, 3);
      }
      this.label(context, segment, left, width);
    }
  }

  label(context, segment, left, width) {
    const text = headlineOf(segment) || (segment.kind === "anomalous" ? "anomalous" : "");
    if (width < 56 || !text) return;
    context.save();
    context.beginPath();
    context.rect(left, BAND.top, width - 4, BAND.height);
    context.clip();
    context.fillStyle = "#fff";
    context.font = "600 12px system-ui, 'DejaVu Sans', sans-serif";
    context.textBaseline = "middle";
    context.fillText(text, Math.max(left, 0) + 6, BAND.top + BAND.height / 2 + 1);
    context.restore();
  }

  drawMarks(context, marks, plot) {
    context.fillStyle = color("lost");
    for (const mark of marks) {
      if (mark.t_end_s < plot.low() || mark.t_start_s > plot.high()) continue;
      const left = this.x(mark.t_start_s);
      const width = Math.max(2, this.x(mark.t_end_s) - left);
      context.fillRect(left, BAND.top, width, width < NARROW ? BAND.height * MARK_SHARE : BAND.height);
    }
  }

  /** One picture a slot, the one nearest to the slot's middle. */
  drawFilm(context, plot, run, area) {
    context.fillStyle = color("hover");
    context.fillRect(area.left, FILM.top, area.width, FILM.height);
    if (!run.pictures.length) {
      context.fillStyle = color("quiet");
      context.font = "13px system-ui, 'DejaVu Sans', sans-serif";
      context.textBaseline = "middle";
      context.fillText(run.pictures_note || "no pictures", area.left + 10, FILM.top + FILM.height / 2, area.width - 20);
      return;
    }
    const shape = this.shape(run.pictures[0]);
    const slots = Math.max(1, Math.ceil(area.width / (FILM.height * shape)));
    const slotS = plot.span() / slots;
    for (let slot = 0; slot < slots; slot += 1) {
      const from = plot.low() + slot * slotS;
      const within = picturesOf(run, from, from + slotS);
      const near = within.length ? within : picturesOf(run, from - slotS / 2, from + slotS * 1.5);
      if (!near.length) continue;
      const image = this.image(nearest(near, from + slotS / 2));
      const left = this.x(from);
      if (image) context.drawImage(image, left, FILM.top, area.width / slots, FILM.height);
    }
  }

  shape(picture) {
    const image = this.image(picture);
    return image ? image.naturalWidth / image.naturalHeight : 16 / 9;
  }

  /** The loaded image of a picture; null until it is loaded. */
  image(picture) {
    let image = this.images.get(picture.src);
    if (!image) {
      if (this.images.size > 400) this.images.clear();
      image = new Image();
      image.addEventListener("load", () => this.redraw());
      image.src = picture.src;
      this.images.set(picture.src, image);
    }
    return image.complete && image.naturalWidth ? image : null;
  }

  drawFrame(context, segment) {
    const left = this.x(segment.t_start_s);
    const width = Math.max(3, this.x(segment.t_end_s) - left);
    context.strokeStyle = color("text");
    context.lineWidth = 2;
    context.strokeRect(left + 0.5, 1, width - 1, STRIP_HEIGHT - 3);
  }

  drawPlayhead(context, t_s) {
    context.fillStyle = color("text");
    context.fillRect(this.x(t_s) - 1, 0, 2, STRIP_HEIGHT);
  }
}
