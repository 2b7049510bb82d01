/**
 * A resumable upload by tus 1.0 (https://tus.io/protocols/resumable-upload).
 * It asks the server how much has arrived, sends the next chunk, and resumes after any interruption.
 */

/** @typedef {"starting"|"sending"|"waiting"|"paused"|"done"|"refused"} Phase */
/** @typedef {{phase: Phase, sent: number, total: number, detail: string, dataset: string}} UploadState */

const CHUNK_BYTES = 8 * 1024 * 1024;
const RETRY_MILLISECONDS = [500, 1000, 2000, 4000, 8000]; // the last one repeats
const TUS_HEADERS = { "Tus-Resumable": "1.0.0" };

/** The server refuses the upload, and a retry would not change that. */
class UploadRefused extends Error {}

/** The session is over. The upload stays stored and resumes after signing in. */
class SignedOut extends Error {}

/** One upload: `run` sends it, `pause`, `resume` and `discard` control it. */
export class TusUpload {
  /**
   * @param {Blob} blob the bytes to upload
   * @param {object} options
   * @param {string} options.endpoint the address that creates uploads
   * @param {string} options.filename the name of the file
   * @param {string|null} [options.url] the address of an earlier upload of the same bytes, which is resumed
   * @param {(url: string|null) => void} options.onUrl is called with a new address, and with null when the upload is over
   * @param {(state: UploadState) => void} options.onState is called at every change of phase or progress
   */
  constructor(blob, options) {
    this.blob = blob;
    this.options = options;
    this.url = options.url ?? null;
    this.sent = 0;
    /** @type {Phase} */
    this.phase = "starting";
    /** @type {XMLHttpRequest|null} */
    this.request = null;
    /** @type {(() => void)|null} */
    this.wake = null;
  }

  /** Whether the upload is done, refused or discarded. */
  get isOver() {
    return this.phase === "done" || this.phase === "refused";
  }

  /** Whether nothing may be sent now. */
  get isStopped() {
    return this.isOver || this.phase === "paused";
  }

  /** Sends the upload until it is over; never throws. */
  async run() {
    let tries = 0;
    while (!this.isOver) {
      try {
        while (this.phase === "paused") await this.sleep(null);
        if (this.isOver) return;
        this.report(tries ? "waiting" : this.phase === "sending" ? "sending" : "starting");
        const sentBefore = this.sent;
        await this.sendMissing();
        if (this.sent > sentBefore) tries = 0;
      } catch (error) {
        if (this.isStopped) continue;
        if (error instanceof SignedOut) return this.report("refused", error.message);
        if (error instanceof UploadRefused) return this.end("refused", error.message);
        const delay = RETRY_MILLISECONDS[Math.min(tries++, RETRY_MILLISECONDS.length - 1)];
        this.report("waiting");
        await this.sleep(delay);
      }
    }
  }

  /** Stops sending until `resume` is called. */
  pause() {
    this.report("paused");
    this.request?.abort();
  }

  /** Continues a paused upload from what the server has. */
  resume() {
    if (this.phase === "paused") this.report("starting");
    this.wake?.();
  }

  /** Ends the upload and deletes it on the server. */
  async discard() {
    this.end("refused", "");
    this.request?.abort();
    this.wake?.();
    await this.deleteOnServer();
  }

  /** Deletes the upload on the server. If the server does not answer, the upload expires there. */
  async deleteOnServer() {
    if (this.url) await deleteOnServer(this.url);
  }

  /** Asks the server what has arrived and sends the rest, chunk by chunk. */
  async sendMissing() {
    if (!this.url) await this.create();
    if (this.isStopped) return;
    const arrived = await this.fetchOffset();
    if (this.isStopped) return;
    if (arrived === null) {
      this.url = null; // the upload expired on the server: start again
      this.options.onUrl(null);
      return;
    }
    this.sent = arrived.offset;
    let dataset = arrived.dataset;
    while (!dataset && !this.isStopped) {
      this.report("sending");
      dataset = await this.sendChunk(this.sent, this.blob.slice(this.sent, this.sent + CHUNK_BYTES));
      if (this.sent >= this.blob.size && !dataset) throw new Error("everything is sent, and the server has no dataset yet");
    }
    if (dataset) this.end("done", "", dataset);
  }

  /** Creates the upload on the server. */
  async create() {
    const { endpoint, filename } = this.options;
    const headers = { ...TUS_HEADERS, "Upload-Length": String(this.blob.size), "Upload-Metadata": `filename ${base64(filename)}` };
    const response = await fetch(endpoint, { method: "POST", headers });
    if (response.status !== 201) throw await errorOf(response.status, await response.text());
    this.url = new URL(response.headers.get("Location") ?? "", new URL(endpoint, location.href)).pathname;
    if (this.isOver) return this.deleteOnServer(); // discarded before the server answered
    this.options.onUrl(this.url);
  }

  /** @returns {Promise<{offset: number, dataset: string}|null>} null if the server does not have the upload */
  async fetchOffset() {
    const response = await fetch(this.url ?? "", { method: "HEAD", headers: TUS_HEADERS, cache: "no-store" });
    if (isGone(response)) return null;
    if (!response.ok) throw await errorOf(response.status, "");
    return { offset: Number(response.headers.get("Upload-Offset")), dataset: response.headers.get("Upload-Dataset") ?? "" };
  }

  /**
   * Sends one chunk; an XMLHttpRequest, because fetch does not report the progress of an upload.
   * @param {number} offset where the chunk begins, in bytes
   * @param {Blob} chunk
   * @returns {Promise<string>} the address of the dataset after the last chunk, else ""
   */
  sendChunk(offset, chunk) {
    return new Promise((resolve, reject) => {
      const request = (this.request = new XMLHttpRequest());
      request.open("PATCH", this.url ?? "");
      request.setRequestHeader("Tus-Resumable", TUS_HEADERS["Tus-Resumable"]);
      request.setRequestHeader("Upload-Offset", String(offset));
      request.setRequestHeader("Content-Type", "application/offset+octet-stream");
      request.upload.onprogress = (event) => {
        this.sent = offset + event.loaded;
        if (this.phase === "sending") this.report("sending");
      };
      request.onerror = request.onabort = () => reject(new Error("the connection was lost"));
      request.onload = async () => {
        if (request.status !== 204 && request.status !== 200) return reject(await errorOf(request.status, request.responseText));
        this.sent = Number(request.getResponseHeader("Upload-Offset"));
        resolve(request.getResponseHeader("Upload-Dataset") ?? "");
      };
      request.send(chunk);
    });
  }

  /** @param {number|null} milliseconds null: until `resume` is called */
  sleep(milliseconds) {
    return new Promise((resolve) => {
      const wake = (this.wake = () => {
        removeEventListener("online", wake);
        resolve(undefined);
      });
      if (milliseconds === null) return; // the network must not wake an upload that the user paused
      addEventListener("online", wake);
      setTimeout(wake, milliseconds);
    });
  }

  /** Reports the final state; later reports are ignored. @param {Phase} phase @param {string} detail @param {string} [dataset] */
  end(phase, detail, dataset = "") {
    this.options.onUrl(null);
    this.report(phase, detail, dataset);
  }

  /** @param {Phase} phase @param {string} [detail] @param {string} [dataset] */
  report(phase, detail = "", dataset = "") {
    if (this.isOver) return;
    this.phase = phase;
    this.options.onState({ phase, sent: this.sent, total: this.blob.size, detail, dataset });
  }
}

/**
 * Deletes an upload on the server, and ignores failures.
 * @param {string} url the address of the upload
 */
export async function deleteOnServer(url) {
  await fetch(url, { method: "DELETE", headers: TUS_HEADERS }).catch(() => undefined);
}

/**
 * Tells whether the server no longer has an upload.
 * @param {string} url the address of the upload
 * @returns {Promise<boolean>} false also if the server does not answer
 */
export async function isGoneOnServer(url) {
  const response = await fetch(url, { method: "HEAD", headers: TUS_HEADERS, cache: "no-store" }).catch(() => null);
  return response !== null && isGone(response);
}

/** @param {Response} response @returns {boolean} */
function isGone(response) {
  return response.status === 404 || response.status === 410;
}

/**
 * @param {number} status
 * @param {string} body
 * @returns {Promise<Error>} an UploadRefused with the server's own text, or another Error if a retry may succeed
 */
async function errorOf(status, body) {
  const mayRetry = status === 0 || status === 408 || status === 409 || status === 423 || status === 429 || status >= 500;
  if (mayRetry && status !== 507) return new Error(`the server answered ${status}`);
  if (status === 401) return new SignedOut("You are signed out. Sign in again, and the upload resumes where it stopped.");
  try {
    const problem = JSON.parse(body);
    return new UploadRefused(problem.detail || problem.title);
  } catch {
    return new UploadRefused(`The server refused this upload (${status}).`);
  }
}

/** @param {string} text @returns {string} base64 of its UTF-8 bytes */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
