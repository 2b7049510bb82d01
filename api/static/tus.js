/**
 * A resumable upload by tus 1.0: ask where the server is, send the next piece, and go on after any interruption.
 */

/** @typedef {"starting"|"sending"|"waiting"|"paused"|"done"|"refused"} State */
/** @typedef {{state: State, sent: number, total: number, detail: string, dataset: string}} News */

const PIECE = 8 * 1024 * 1024;
const WAITS = [500, 1000, 2000, 4000, 8000]; // milliseconds between tries; the last one again and again
const TUS = { "Tus-Resumable": "1.0.0" };

/** The server said no, and asking again will not change that. */
export class Refused extends Error {}

/** Nothing is lost: after signing in, the upload goes on. */
class SignedOut extends Error {}

export class Upload {
  /**
   * @param {Blob} blob
   * @param {{endpoint: string, filename: string, url?: string|null,
   *          onUrl: (url: string|null) => void, onNews: (news: News) => void}} options
   *        `url` is where an earlier try had got its upload; `onUrl` hears of a new one, or null when it is over.
   */
  constructor(blob, options) {
    this.blob = blob;
    this.options = options;
    this.url = options.url ?? null;
    this.sent = 0;
    /** @type {State} */
    this.state = "starting";
    /** @type {XMLHttpRequest|null} */
    this.request = null;
    /** @type {(() => void)|null} */
    this.wake = null;
  }

  /** Whether nothing more will happen: all is sent, refused, or given up. */
  get over() {
    return this.state === "done" || this.state === "refused";
  }

  /** Whether nothing is to be sent now. */
  get stopped() {
    return this.over || this.state === "paused";
  }

  /** Runs until it is over; never throws. */
  async run() {
    let tries = 0;
    while (!this.over) {
      try {
        while (this.state === "paused") await this.sleep(null);
        if (this.over) return;
        this.tell(tries ? "waiting" : this.state === "sending" ? "sending" : "starting");
        const before = this.sent;
        await this.step();
        if (this.sent > before) tries = 0;
      } catch (error) {
        if (this.stopped) continue;
        if (error instanceof SignedOut) return this.tell("refused", error.message);
        if (error instanceof Refused) return this.end("refused", error.message);
        const wait = WAITS[Math.min(tries++, WAITS.length - 1)];
        this.tell("waiting");
        await this.sleep(wait);
      }
    }
  }

  /** Stops sending; `resume` goes on where the server is. */
  pause() {
    this.tell("paused");
    this.request?.abort();
  }

  resume() {
    if (this.state === "paused") this.tell("starting");
    this.wake?.();
  }

  /** Gives the upload up, here and on the server. */
  async forget() {
    this.end("refused", "");
    this.request?.abort();
    this.wake?.();
    await this.remove();
  }

  /** Takes away what the server has of it; what cannot be reached now, the server forgets when its time is over. */
  async remove() {
    if (this.url) await discard(this.url);
  }

  /** Asks where the server is and sends what it does not have, piece by piece. */
  async step() {
    if (!this.url) await this.create();
    if (this.stopped) return;
    const at = await this.where();
    if (this.stopped) return;
    if (at === null) {
      this.url = null; // the server has forgotten it: begin again
      this.options.onUrl(null);
      return;
    }
    this.sent = at.offset;
    let dataset = at.dataset;
    while (!dataset && !this.stopped) {
      this.tell("sending");
      dataset = await this.send(this.sent, this.blob.slice(this.sent, this.sent + PIECE));
      if (this.sent >= this.blob.size && !dataset) throw new Error("all is sent, and no dataset came of it yet");
    }
    if (dataset) this.end("done", "", dataset);
  }

  async create() {
    const { endpoint, filename } = this.options;
    const headers = { ...TUS, "Upload-Length": String(this.blob.size), "Upload-Metadata": `filename ${base64(filename)}` };
    const answer = await fetch(endpoint, { method: "POST", headers });
    if (answer.status !== 201) throw await failure(answer.status, await answer.text());
    this.url = new URL(answer.headers.get("Location") ?? "", new URL(endpoint, location.href)).pathname;
    if (this.over) return this.remove(); // given up while the server was asked
    this.options.onUrl(this.url);
  }

  /** @returns {Promise<{offset: number, dataset: string}|null>} null where the server knows of no such upload */
  async where() {
    const answer = await fetch(this.url ?? "", { method: "HEAD", headers: TUS, cache: "no-store" });
    if (isGone(answer)) return null;
    if (!answer.ok) throw await failure(answer.status, "");
    return { offset: Number(answer.headers.get("Upload-Offset")), dataset: answer.headers.get("Upload-Dataset") ?? "" };
  }

  /**
   * @param {number} offset
   * @param {Blob} piece
   * @returns {Promise<string>} the dataset's address after the last piece, else ""
   */
  send(offset, piece) {
    return new Promise((resolve, reject) => {
      const request = (this.request = new XMLHttpRequest());
      request.open("PATCH", this.url ?? "");
      request.setRequestHeader("Tus-Resumable", TUS["Tus-Resumable"]);
      request.setRequestHeader("Upload-Offset", String(offset));
      request.setRequestHeader("Content-Type", "application/offset+octet-stream");
      request.upload.onprogress = (event) => {
        this.sent = offset + event.loaded;
        if (this.state === "sending") this.tell("sending");
      };
      request.onerror = request.onabort = () => reject(new Error("the connection was lost"));
      request.onload = async () => {
        if (request.status !== 204 && request.status !== 200) return reject(await failure(request.status, request.responseText));
        this.sent = Number(request.getResponseHeader("Upload-Offset"));
        resolve(request.getResponseHeader("Upload-Dataset") ?? "");
      };
      request.send(piece);
    });
  }

  /** @param {number|null} milliseconds null: until `resume` */
  sleep(milliseconds) {
    return new Promise((resolve) => {
      const wake = (this.wake = () => {
        removeEventListener("online", wake);
        resolve(undefined);
      });
      if (milliseconds === null) return; // who paused on purpose is not woken by the network
      addEventListener("online", wake);
      setTimeout(wake, milliseconds);
    });
  }

  /** The last word: what comes after it is not heard. @param {State} state @param {string} detail @param {string} [dataset] */
  end(state, detail, dataset = "") {
    this.options.onUrl(null);
    this.tell(state, detail, dataset);
  }

  /** @param {State} state @param {string} [detail] @param {string} [dataset] */
  tell(state, detail = "", dataset = "") {
    if (this.over) return;
    this.state = state;
    this.options.onNews({ state, sent: this.sent, total: this.blob.size, detail, dataset });
  }
}

/**
 * Gives an upload up on the server. @param {string} url
 */
export async function discard(url) {
  await fetch(url, { method: "DELETE", headers: TUS }).catch(() => undefined);
}

/**
 * Whether the server knows nothing of an upload any more; false where it cannot be asked.
 * @param {string} url
 * @returns {Promise<boolean>}
 */
export async function isForgotten(url) {
  const answer = await fetch(url, { method: "HEAD", headers: TUS, cache: "no-store" }).catch(() => null);
  return answer !== null && isGone(answer);
}

/** @param {Response} answer @returns {boolean} */
function isGone(answer) {
  return answer.status === 404 || answer.status === 410;
}

/**
 * What an answer that is no success means: try again, or give up with the server's own words.
 * @param {number} status
 * @param {string} body
 * @returns {Promise<Error>}
 */
async function failure(status, body) {
  const again = status === 0 || status === 408 || status === 409 || status === 423 || status === 429 || status >= 500;
  if (again && status !== 507) return new Error(`the server answered ${status}`);
  if (status === 401) return new SignedOut("You are signed out. Sign in again, and the upload goes on where it stopped.");
  try {
    const problem = JSON.parse(body);
    return new Refused(problem.detail || problem.title);
  } catch {
    return new Refused(`The server refused this upload (${status}).`);
  }
}

/** @param {string} text @returns {string} base64 of its UTF-8 */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
