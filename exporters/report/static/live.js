"use strict";
// A served page is kept up to date: the server says which runs have changed, and the page asks for them.

class Live {
  /** `changed` is called with a run that is new or has more, and `gone` with the key of one that is no longer there. */
  constructor({ changed, gone, summary }) {
    Object.assign(this, { changed, gone, summary });
    this.status = byId("live");
    this.asking = new Set();
    this.stream = new EventSource(`events?since=${encodeURIComponent(document.body.dataset.live)}`);
    this.stream.addEventListener("run", (event) => this.fetch(JSON.parse(event.data).key));
    this.stream.addEventListener("gone", (event) => this.gone(JSON.parse(event.data).key));
    this.stream.addEventListener("open", () => (this.status.textContent = "live"));
    this.stream.addEventListener("error", () => (this.status.textContent = "the server does not answer; trying again"));
  }

  /** Ask for a run once; what changes meanwhile is asked for when the answer is there. */
  async fetch(key) {
    if (this.asking.has(key)) return void this.asking.add(`${key} again`);
    this.asking.add(key);
    try {
      const answer = await fetch(`runs/${encodeURIComponent(key)}`);
      if (answer.ok) {
        const { run, facts, summary } = await answer.json();
        this.changed(run, facts);
        this.summary(summary);
      }
    } finally {
      this.asking.delete(key);
      if (this.asking.delete(`${key} again`)) this.fetch(key);
    }
  }
}

/** HTML that our own server has escaped, as nodes; the page's policy lets no script in it run. */
function nodesOf(html) {
  return [...new DOMParser().parseFromString(html, "text/html").body.childNodes];
}
