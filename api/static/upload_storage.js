/**
 * Remembers unfinished uploads across reloads: the address in localStorage, and the bytes in IndexedDB if there is room.
 * With the bytes an upload resumes by itself. Without them it resumes when the user chooses the same file or folder again.
 *
 * Browsers hold entries of earlier versions under these keys and field names. Renaming one would lose those uploads.
 */

/** @typedef {{fingerprint: string, url: string, filename: string, name: string, size: number, kept: boolean}} StoredUpload */

const KEY_PREFIX = "unteachable.upload.";
const DATABASE_NAME = "unteachable";
const STORE_NAME = "uploads";
const MAX_STORED_BYTES = 1024 ** 3;

/**
 * Finds the stored upload of a file or folder.
 * @param {string} fingerprint identifies the file or folder
 * @returns {StoredUpload|null} null if none is stored
 */
export function findUpload(fingerprint) {
  return JSON.parse(localStorage.getItem(KEY_PREFIX + fingerprint) ?? "null");
}

/**
 * Lists all unfinished uploads.
 * @returns {StoredUpload[]}
 */
export function listUploads() {
  return Object.keys(localStorage)
    .filter((key) => key.startsWith(KEY_PREFIX))
    .map((key) => JSON.parse(localStorage.getItem(key) ?? "null"));
}

/**
 * Stores the address of an unfinished upload, or replaces it.
 * @param {StoredUpload} upload `kept` says whether the bytes are stored too
 */
export function saveUpload(upload) {
  localStorage.setItem(KEY_PREFIX + upload.fingerprint, JSON.stringify(upload));
}

/**
 * Deletes a stored upload: its address and its bytes.
 * @param {string} fingerprint identifies the file or folder
 */
export async function deleteUpload(fingerprint) {
  localStorage.removeItem(KEY_PREFIX + fingerprint);
  await withStore("readwrite", (store) => store.delete(fingerprint)).catch(() => undefined);
}

/**
 * Stores the bytes of an upload if they are small enough and the browser has room for them.
 * @param {string} fingerprint identifies the file or folder
 * @param {Blob} blob the bytes to upload
 * @returns {Promise<boolean>} whether the bytes are stored
 */
export async function saveBytes(fingerprint, blob) {
  try {
    const { quota = 0, usage = 0 } = (await navigator.storage?.estimate()) ?? {};
    if (blob.size > MAX_STORED_BYTES || blob.size * 2 > quota - usage) return false;
    await withStore("readwrite", (store) => store.put(blob, fingerprint));
    return true;
  } catch {
    return false; // private windows and plain http have no IndexedDB
  }
}

/**
 * Loads the stored bytes of an upload.
 * @param {string} fingerprint identifies the file or folder
 * @returns {Promise<Blob|null>} null if no bytes are stored
 */
export async function loadBytes(fingerprint) {
  const found = await withStore("readonly", (store) => store.get(fingerprint)).catch(() => null);
  return found instanceof Blob ? found : null;
}

/**
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} use makes one request to the store
 * @returns {Promise<unknown>} the result of the request
 */
async function withStore(mode, use) {
  const database = await new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE_NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE_NAME);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE_NAME, mode);
      const request = use(transaction.objectStore(STORE_NAME));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}
