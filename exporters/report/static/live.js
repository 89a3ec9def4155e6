"use strict";
// A served page is kept up to date: the server says which runs have changed, and the page asks for what is new in them.

const RETRY_MS = 5000;

class Live {
  /** `page` is the Page; while it is hidden it follows nothing, because browsers limit the connections to a server. */
  constructor(page) {
    this.page = page;
    this.status = byId("live");
    this.asking = new Set();
    this.version = document.body.dataset.live;
    this.overviewSoon = once(() => this.askForOverview(), (run) => setTimeout(run, 200));
    document.addEventListener("visibilitychange", () => this.follow());
    this.follow();
  }

  follow() {
    clearTimeout(this.retry);
    if (this.stream) this.stream.close();
    if (document.hidden) return;
    this.stream = new EventSource(`events?since=${encodeURIComponent(this.version)}`);
    this.stream.addEventListener("run", (event) => this.heard(event, (key) => this.ask(key)));
    this.stream.addEventListener("gone", (event) => this.heard(event, (key) => this.page.gone(key)));
    this.stream.addEventListener("open", () => (this.status.textContent = "live"));
    this.stream.addEventListener("error", () => this.lost());
  }

  heard(event, then) {
    this.version = event.lastEventId;
    then(JSON.parse(event.data).key);
    this.overviewSoon();
  }

  /** The browser tries again by itself, except after a refusal. */
  lost() {
    this.status.textContent = "the server does not answer; trying again";
    if (this.stream.readyState === EventSource.CLOSED) this.retry = setTimeout(() => this.follow(), RETRY_MS);
  }

  /** Ask for what is new in a run, once; what changes meanwhile is asked for when the answer is there. */
  async ask(key) {
    if (this.asking.has(key)) return void this.asking.add(`${key} again`);
    this.asking.add(key);
    try {
      const own = this.page.runs.find((run) => run.key === key);
      const since = own ? own.version || document.body.dataset.live : "";
      const answer = await fetch(`runs/${encodeURIComponent(key)}?since=${encodeURIComponent(since)}`);
      if (answer.ok) {
        const { run, same, version, facts } = await answer.json();
        this.page.changed({ ...joinedRun(own, run, same), version }, facts);
      }
    } catch {
      this.lost(); // the server has gone: its next sign of life names what is new
    } finally {
      this.asking.delete(key);
      if (this.asking.delete(`${key} again`)) this.ask(key);
    }
  }

  async askForOverview() {
    const answer = await fetch("overview").catch(() => null);
    if (!answer || !answer.ok) return;
    const { summary, failures } = await answer.json();
    byId("summary").replaceChildren(...nodesOf(summary));
    byId("failures").replaceChildren(...nodesOf(failures));
    byId("failures").hidden = !byId("failures").querySelector("li");
  }
}

/** HTML that our own server has escaped, as nodes; the page's policy lets no script in it run. */
function nodesOf(html) {
  return [...new DOMParser().parseFromString(html, "text/html").body.childNodes];
}
