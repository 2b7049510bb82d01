/**
 * Makes sure that only one tab of the browser sends an upload.
 */

/** @type {Set<string>} fingerprints of the uploads that this tab has locked */
const locked = new Set();

/**
 * Locks an upload for this tab until the page is closed.
 * @param {string} fingerprint identifies the file or folder
 * @returns {Promise<boolean>} false if another tab holds the lock; true where the browser has no locks (plain http)
 */
export function acquireLock(fingerprint) {
  if (!navigator.locks || locked.has(fingerprint)) return Promise.resolve(true);
  return new Promise((resolve) => {
    navigator.locks.request(`unteachable.${fingerprint}`, { ifAvailable: true }, (lock) => {
      if (lock) locked.add(fingerprint);
      resolve(lock !== null);
      return lock ? new Promise(() => undefined) : undefined; // a promise that never resolves keeps the lock
    });
  });
}
