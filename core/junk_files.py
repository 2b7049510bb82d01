"""Files and folders that systems, editors and storage devices keep for themselves: never part of a dataset.

Names are compared without letter case. A name that people give to classes too, such as "trash", is in
`core.ingest.folder_names` in place of here, because it needs a look at the whole upload. Standard library only.
"""

import re

_TRASH = frozenset(
    (
        *("$recycle.bin", "recycler", "recycle bin", "#recycle", "@recycle", "_recycle", "network trash folder"),
        *("trashbox", "files_trashbin", "lost+found", "lost.dir", "recently deleted", "zuletzt gelöscht"),
        *("récemment supprimés", "eliminados recientemente", "papierkorb", "corbeille", "deleted items"),
        *("thetrashfolder", "deleted files"),
    )
)
_THUMBNAILS = frozenset(
    ("@eadir", "@__thumb", "thmbnl", "_thumbs", "__thumbs", "_thumbnails", "__thumbnails", "ipod photo cache")
)
_SNAPSHOTS = frozenset(("#snapshot", "#snapshots", "~snapshot", "@recently-snapshot", "@snapshots", "files_versions"))
_SYSTEM = frozenset(
    (
        *("__macosx", "system volume information", "temporary items", "thevolumesettingsfolder", "msdownld.tmp"),
        *("$extend", "$winreagent", "$sysreset", "@tmp", "@transcode", "@sharebin", "@database", "@quarantine"),
        *("_gsdata_", "config.msi"),
    )
)
_EDITORS = frozenset(("__pycache__", "node_modules", "_darcs", "captureone", "nksc_param"))
_PATTERNS = (
    (re.compile(r"\.?trash-\d+|found\.\d{3}|.*\.recycle\.bin"), "holds deleted files"),
    (re.compile(r".*\.(lrdata|cocatalog|photocache)|.*[-_ ]thumb(nail)?s?[-_ ]cache"), "holds previews"),
    (re.compile(r"@(syno|app|docker|cloud|s2s|spool)[a-z0-9_.-]*"), "belongs to a storage device"),
    (re.compile(r"\$(windows|getcurrent|inplace)\.?~?.*"), "belongs to the operating system"),
)
_MEANINGS = (
    (_TRASH, "holds deleted files"),
    (_THUMBNAILS, "holds previews"),
    (_SNAPSHOTS, "holds earlier versions"),
    (_SYSTEM, "belongs to a system"),
    (_EDITORS, "belongs to an editor or a program"),
)
_FOLDERS = {name: meaning for names, meaning in _MEANINGS for name in names}
_LIBRARY = re.compile(r".*\.(photoslibrary|photolibrary|aplibrary|migratedphotolibrary)")
_LIBRARY_ORIGINALS = ("originals", "masters")
_FILES = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini", "zbthumbnail.info"),
        *("synoindex_media.info", "pspbrwse.jbf", "iconcache.db"),
    )
)
_FILE_PATTERN = re.compile(r"thumbcache_.*\.db|~\$.*|.*:zone\.identifier|.*@syno(eastream|resource)")


def junk_reason(path: str) -> str | None:
    """Why a file is no part of the data, by its path alone; None if it may be.

    Args:
        path: The path in the upload, with forward slashes.

    Returns:
        A part of a sentence for the user, such as "it lies in “@eaDir”, which holds previews".
    """
    *folders, name = path.split("/")
    for place, folder in enumerate(folders):
        if meaning := _folder_meaning(folder.casefold(), folders[place + 1 :]):
            return f"it lies in “{folder}”, which {meaning}"
    folded = name.casefold()
    if folded in _FILES or folded.startswith("._") or _FILE_PATTERN.fullmatch(folded):
        return "the operating system or a program made it; it is not part of the data"
    if folded.startswith("."):
        return "it is hidden: its name begins with a dot"
    return None


def _folder_meaning(folder: str, below: list[str]) -> str | None:
    if folder in _FOLDERS:
        return _FOLDERS[folder]
    if folder.startswith(".") and len(folder) > 1:
        return "is hidden: its name begins with a dot"
    for pattern, meaning in _PATTERNS:
        if pattern.fullmatch(folder):
            return meaning
    if _LIBRARY.fullmatch(folder) and below and below[0].casefold() not in _LIBRARY_ORIGINALS:
        return "belongs to a program, beside the originals"
    return None
