/**
 * Turns dropped or chosen files into a list of files with their paths.
 */

/** @typedef {import("./zip.js").FolderFile} FolderFile */
/** @typedef {{kind: "file", file: File} | {kind: "folder", name: string, files: FolderFile[]}} Choice */

/** The extension of each type of image, for files that a phone names without one. */
const EXTENSIONS = new Map(
  Object.entries({ jpeg: "jpg", png: "png", webp: "webp", avif: "avif", gif: "gif", bmp: "bmp", tiff: "tif", heic: "heic", heif: "heif" }),
);
const IMAGE_NAME = /\.(jpe?g|jpe|jfif|png|webp|avif|gif|bmp|dib|tiff?|heic|heif)$/i;

/**
 * Reads what the user dropped. Call it in the event handler itself: the browser clears the items afterwards.
 * @param {DataTransfer} transfer the data of the drop event
 * @returns {Promise<Choice | null>} null if no file was dropped
 */
export async function choiceFromDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
  if (entries.length === 0) return choiceFromInput(transfer.files);
  if (entries.length === 1 && entries[0].isFile) {
    return choiceOfFile(await fileOf(/** @type {FileSystemFileEntry} */ (entries[0])));
  }
  /** @type {FolderFile[]} */
  const files = [];
  for (const entry of entries) await collectFiles(entry, files);
  const kind = entries.every((entry) => entry.isFile) ? "images" : "folders";
  return { kind: "folder", name: entries.length === 1 ? entries[0].name : `${entries.length} ${kind}`, files: withUniquePaths(files) };
}

/**
 * Reads the files of an input, with or without `webkitdirectory`.
 * @param {FileList} list the files of the input
 * @returns {Choice | null} null if the list is empty
 */
export function choiceFromInput(list) {
  const files = [...list];
  if (files.length === 0) return null;
  if (files.length === 1 && !files[0].webkitRelativePath) return choiceOfFile(files[0]);
  const name = files[0].webkitRelativePath.split("/")[0] || `${files.length} images`;
  return { kind: "folder", name, files: withUniquePaths(files.map((file) => ({ path: pathOf(file), file }))) };
}

/** @param {File} file @returns {Choice} an archive as it is, and an image as a folder that holds it alone */
function choiceOfFile(file) {
  const path = pathOf(file);
  if (!IMAGE_NAME.test(path)) return { kind: "file", file };
  return { kind: "folder", name: path.replace(IMAGE_NAME, "") || "image", files: [{ path, file }] };
}

/** @param {File} file @returns {string} its path; an image that was named without an extension gets one */
function pathOf(file) {
  const path = file.webkitRelativePath || file.name;
  const extension = EXTENSIONS.get(file.type.replace(/^image\/(x-)?/, ""));
  return extension && !/\.[a-z0-9]{2,5}$/i.test(path) ? `${path}.${extension}` : path;
}

/**
 * Gives files that share a path different ones, as IMG_0001.jpg and IMG_0001-2.jpg: a phone's albums repeat names.
 * Names that differ in letter case or Unicode form only count as one. The same files get the same paths again.
 * @param {FolderFile[]} files
 * @returns {FolderFile[]} a new list
 */
export function withUniquePaths(files) {
  const fold = (/** @type {string} */ path) => path.normalize("NFC").toLowerCase();
  const taken = new Set(files.map(({ path }) => fold(path)));
  const seen = new Set();
  const oldestFirst = [...files].sort((a, b) => a.file.lastModified - b.file.lastModified || a.file.size - b.file.size);
  return oldestFirst.map(({ path, file }) => {
    let unique = path;
    const [, stem, extension] = /** @type {RegExpExecArray} */ (/^(.*?)(\.[^./]*)?$/s.exec(path));
    for (let number = 2; seen.has(fold(unique)) || (unique !== path && taken.has(fold(unique))); number++) {
      unique = `${stem}-${number}${extension ?? ""}`;
    }
    seen.add(fold(unique));
    return { path: unique, file };
  });
}

/**
 * @param {FileSystemEntry} entry a file, or a folder that is walked through
 * @param {FolderFile[]} files the files are added here
 */
async function collectFiles(entry, files) {
  if (entry.isFile) {
    files.push({ path: entry.fullPath.replace(/^\//, ""), file: await fileOf(/** @type {FileSystemFileEntry} */ (entry)) });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 entries a call
    if (batch.length === 0) return;
    for (const child of batch) await collectFiles(child, files);
  }
}

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}
