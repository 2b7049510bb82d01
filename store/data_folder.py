"""Keeps the data folder from the other users of this machine: images, database, keys, logs and checkpoints."""

import os
import stat

import structlog

from store.logs import configure_logs
from store.settings import Settings

FOR_OWNER = 0o700
OTHERS = 0o077

log = structlog.get_logger()


def make_private(settings: Settings) -> None:
    """Let only this user into the data folder, and into what this process and its children create from here on.

    A folder that others may enter, as earlier versions made it, is mended, with a line in the log.

    Args:
        settings: Where the data folder is, and how to log.
    """
    os.umask(OTHERS)
    try:
        found = settings.home.stat().st_mode
    except OSError:
        return  # whoever creates it says what is wrong, and the new folder is private
    mode = stat.S_IMODE(found)
    if not stat.S_ISDIR(found) or not mode & OTHERS:
        return
    configure_logs(settings)
    try:
        settings.home.chmod(FOR_OWNER)
    except OSError as error:
        log.warning("data_folder.open_to_others", folder=str(settings.home), mode=f"{mode:o}", error=error.strerror)
        return
    log.warning("data_folder.made_private", folder=str(settings.home), mode_before=f"{mode:o}", mode=f"{FOR_OWNER:o}")
