/**
 * Turns dropped or chosen files into a list of files with their paths.
 */

/** @typedef {import("./zip.js").FolderFile} FolderFile */
/** @typedef {{kind: "file", file: File} | {kind: "folder", name: string, files: FolderFile[]}} Choice */

/**
 * Reads what the user dropped. Call it in the event handler itself: the browser clears the items afterwards.
 * @param {DataTransfer} transfer the data of the drop event
 * @returns {Promise<Choice | null>} null if no file was dropped
 */
export async function choiceFromDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
  if (entries.length === 0) return choiceFromInput(transfer.files);
  if (entries.length === 1 && entries[0].isFile) {
    return { kind: "file", file: await fileOf(/** @type {FileSystemFileEntry} */ (entries[0])) };
  }
  /** @type {FolderFile[]} */
  const files = [];
  for (const entry of entries) await collectFiles(entry, files);
  return { kind: "folder", name: entries.length === 1 ? entries[0].name : `${entries.length} folders`, files };
}

/**
 * Reads the files of an input, with or without `webkitdirectory`.
 * @param {FileList} list the files of the input
 * @returns {Choice | null} null if the list is empty
 */
export function choiceFromInput(list) {
  const files = [...list];
  if (files.length === 0) return null;
  if (files.length === 1 && !files[0].webkitRelativePath) return { kind: "file", file: files[0] };
  const name = files[0].webkitRelativePath.split("/")[0] || `${files.length} files`;
  return { kind: "folder", name, files: files.map((file) => ({ path: file.webkitRelativePath || file.name, file })) };
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
