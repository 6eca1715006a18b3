// The newest reading: by a stream of events, by asking every 5 s where there is none. Knows nothing of what is shown.

const POLL_MS = 5000; // what the server asks of those it has no stream for
const STREAM_AGAIN_MS = 60000;

/** Asks the daemon. Goes to the login page where a password is wanted; throws with its sentence for other refusals. */
export async function ask(path, meter, etag) {
  const query = meter ? `${path.includes("?") ? "&" : "?"}meter=${encodeURIComponent(meter)}` : "";
  const answer = await fetch(`api/v1/${path}${query}`, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
  if (answer.status === 401) location.assign("login");
  if (answer.status === 304) return { etag, told: null };
  const told = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.error?.text ?? answer.statusText), { key: told.error?.key });
  return { etag: answer.headers.get("ETag"), told };
}

/** Tells `heard(reading | null)` at every word from the daemon (null: nothing new) and `lost()` when there is none. */
export class Feed {
  constructor(heard, lost) {
    this.heard = heard;
    this.lost = lost;
  }

  /** Begins for one meter, and ends what was before. */
  start(meter) {
    this.stop();
    this.meter = meter;
    const source = new EventSource(`api/v1/live/stream?meter=${encodeURIComponent(meter)}`);
    this.source = source;
    source.onmessage = (event) => this.heard(JSON.parse(event.data));
    source.onerror = () => {
      if (this.source !== source) return;
      if (source.readyState === EventSource.CLOSED) this.poll(null);
      else this.lost(); // the browser itself tries again
    };
  }

  /** Ends everything: nothing runs after it. */
  stop() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    this.began = 0;
  }

  async poll(etag) {
    const source = this.source;
    this.began ||= performance.now();
    try {
      const answer = await ask("live", this.meter, etag);
      if (this.source !== source || !source) return;
      etag = answer.etag;
      this.heard(answer.told);
    } catch {
      if (this.source !== source || !source) return;
      this.lost();
    }
    if (performance.now() - this.began > STREAM_AGAIN_MS) this.start(this.meter);
    else this.timer = setTimeout(() => this.poll(etag), POLL_MS);
  }
}
