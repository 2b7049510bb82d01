/**
 * CRC-32 as zip files use it (polynomial 0xEDB88320), eight bytes at a time.
 */

const TABLES = makeTables();

/** @returns {Uint32Array[]} eight tables of 256 entries ("slicing by 8"). */
function makeTables() {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    tables[0][n] = c;
  }
  for (let n = 0; n < 256; n++) {
    for (let k = 1; k < 8; k++) tables[k][n] = (tables[k - 1][n] >>> 8) ^ tables[0][tables[k - 1][n] & 255];
  }
  return tables;
}

/**
 * Continues a checksum.
 * @param {Uint8Array} bytes the next bytes
 * @param {number} crc the checksum of the bytes before; 0 at the start
 * @returns {number} unsigned, 32 bits
 */
export function crc32(bytes, crc = 0) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let c = ~crc;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    const low = c ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
    c =
      t7[low & 255] ^ t6[(low >>> 8) & 255] ^ t5[(low >>> 16) & 255] ^ t4[low >>> 24] ^
      t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ t0[(c ^ bytes[i]) & 255];
  return ~c >>> 0;
}

const MAX_BUFFERED_BYTES = 1024 * 1024; // opening a stream takes longer than reading a small file whole

/**
 * Computes the checksum of a blob; a large blob is read in chunks.
 * @param {Blob} blob
 * @param {(bytes: number) => void} onBytes is called with the number of bytes that were just read
 * @param {AbortSignal} [signal] aborts the reading
 * @returns {Promise<number>}
 */
export async function crc32OfBlob(blob, onBytes, signal) {
  if (blob.size <= MAX_BUFFERED_BYTES) {
    const checksum = crc32(new Uint8Array(await blob.arrayBuffer()));
    signal?.throwIfAborted();
    onBytes(blob.size);
    return checksum;
  }
  const reader = blob.stream().getReader();
  let crc = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = await reader.read();
    if (done) return crc;
    crc = crc32(value, crc);
    onBytes(value.length);
  }
}
