/**
 * Makes a zip file in the browser without copying bytes: the Blob refers to the files (stored, not compressed).
 * The same files give the same bytes, so the upload of a folder can be resumed after a reload. Uses Zip64 for large sizes.
 */

import { crc32OfBlob } from "./crc32.js";

/** @typedef {{path: string, file: File}} FolderFile */
/** @typedef {{name: Uint8Array, crc: number, size: number, offset: number}} Entry */

const ZIP64_SIZE = 0xffffffff;
const ZIP64_COUNT = 0xffff;
const UTF8_NAMES = 1 << 11;
const FILES_AT_ONCE = 32; // read at the same time
const DATE_1980 = (1 << 5) | 1; // the earliest date of the zip format; the real dates would change the bytes

/** Writes little-endian numbers one after another. */
class ByteWriter {
  /** @param {number} length */
  constructor(length) {
    this.array = new Uint8Array(length);
    this.view = new DataView(this.array.buffer);
    this.at = 0;
  }
  /** @param {...number} values */
  u16(...values) {
    for (const value of values) this.view.setUint16((this.at += 2) - 2, value, true);
    return this;
  }
  /** @param {...number} values */
  u32(...values) {
    for (const value of values) this.view.setUint32((this.at += 4) - 4, value, true);
    return this;
  }
  /** @param {...number} values */
  u64(...values) {
    for (const value of values) this.view.setBigUint64((this.at += 8) - 8, BigInt(value), true);
    return this;
  }
  /** @param {Uint8Array} array */
  raw(array) {
    this.array.set(array, this.at);
    this.at += array.length;
    return this;
  }
}

/**
 * Makes the header that precedes the bytes of a file.
 * @param {Entry} entry `offset` is not used
 * @returns {Uint8Array}
 */
export function localHeader({ name, crc, size }) {
  const zip64 = size >= ZIP64_SIZE;
  const bytes = new ByteWriter(30 + name.length + (zip64 ? 20 : 0));
  bytes.u32(0x04034b50).u16(zip64 ? 45 : 20, UTF8_NAMES, 0, 0, DATE_1980).u32(crc);
  bytes.u32(zip64 ? ZIP64_SIZE : size, zip64 ? ZIP64_SIZE : size).u16(name.length, zip64 ? 20 : 0).raw(name);
  if (zip64) bytes.u16(1, 16).u64(size, size);
  return bytes.array;
}

/** @param {Entry} entry @returns {Uint8Array} */
function centralHeader({ name, crc, size, offset }) {
  const hasLargeSize = size >= ZIP64_SIZE;
  const hasLargeOffset = offset >= ZIP64_SIZE;
  const extra = (hasLargeSize ? 16 : 0) + (hasLargeOffset ? 8 : 0);
  const version = extra ? 45 : 20;
  const bytes = new ByteWriter(46 + name.length + (extra ? extra + 4 : 0));
  bytes.u32(0x02014b50).u16(version, version, UTF8_NAMES, 0, 0, DATE_1980).u32(crc);
  bytes.u32(hasLargeSize ? ZIP64_SIZE : size, hasLargeSize ? ZIP64_SIZE : size);
  bytes.u16(name.length, extra ? extra + 4 : 0, 0, 0, 0).u32(0, hasLargeOffset ? ZIP64_SIZE : offset).raw(name);
  if (extra) bytes.u16(1, extra);
  if (hasLargeSize) bytes.u64(size, size);
  if (hasLargeOffset) bytes.u64(offset);
  return bytes.array;
}

/**
 * Makes the central directory, which ends a zip file.
 * @param {Entry[]} entries the files, with the offsets of their headers in bytes
 * @param {number} start where in the zip file the directory begins, in bytes
 * @returns {Uint8Array[]} the parts of the directory
 */
export function centralDirectory(entries, start) {
  const headers = entries.map(centralHeader);
  const length = headers.reduce((sum, header) => sum + header.length, 0);
  const count = entries.length;
  if (count >= ZIP64_COUNT || length >= ZIP64_SIZE || start >= ZIP64_SIZE) {
    const record = new ByteWriter(56 + 20);
    record.u32(0x06064b50).u64(44).u16(45, 45).u32(0, 0).u64(count, count, length, start);
    record.u32(0x07064b50, 0).u64(start + length).u32(1);
    headers.push(record.array);
  }
  const end = new ByteWriter(22);
  end.u32(0x06054b50).u16(0, 0, Math.min(count, ZIP64_COUNT), Math.min(count, ZIP64_COUNT));
  end.u32(Math.min(length, ZIP64_SIZE), Math.min(start, ZIP64_SIZE)).u16(0);
  return [...headers, end.array];
}

/**
 * Makes one zip of all files, sorted by path. Reads every file once, for its checksum.
 * @param {FolderFile[]} files
 * @param {object} [options]
 * @param {(bytes: number) => void} [options.onBytes] is called with the number of bytes that were just read
 * @param {AbortSignal} [options.signal] aborts the reading
 * @returns {Promise<Blob>}
 */
export async function zipFolder(files, { onBytes = () => {}, signal } = {}) {
  const encoder = new TextEncoder();
  const parts = [];
  const entries = [];
  let offset = 0;
  const sorted = sortByPath(files);
  for (let first = 0; first < sorted.length; first += FILES_AT_ONCE) {
    const batch = sorted.slice(first, first + FILES_AT_ONCE);
    const checksums = await Promise.all(batch.map(({ file }) => crc32OfBlob(file, onBytes, signal)));
    for (const [n, { path, file }] of batch.entries()) {
      const entry = { name: encoder.encode(path), crc: checksums[n], size: file.size, offset };
      const header = localHeader(entry);
      parts.push(header, file);
      entries.push(entry);
      offset += header.length + file.size;
    }
  }
  return new Blob([...parts, ...centralDirectory(entries, offset)], { type: "application/zip" });
}

/**
 * Sorts files by the UTF-16 code units of their paths, so that the order does not depend on the language.
 * @param {FolderFile[]} files
 * @returns {FolderFile[]} a new list
 */
export function sortByPath(files) {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}
