"""Which of the processes of a launcher such as torchrun this is, as its environment variables say. No torch."""

import os

from core.errors import BadInput

NEEDED = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def processes() -> int:
    """How many were started for one piece of work, on all machines; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_processes() -> int:
    """How many of them on this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if processes() > 1 else 1


def local_rank() -> int:
    """Which one of this machine this is, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0")) if processes() > 1 else 0


def check_launcher() -> None:
    """Raises BadInput where the environment speaks of several processes, but not as a launcher would."""
    missing = [name for name in NEEDED if name not in os.environ]
    if processes() > 1 and missing:
        raise BadInput(f"WORLD_SIZE is {processes()}, but {', '.join(missing)} not set: start it with torchrun")


def alone(command: str) -> None:
    """Raises BadInput where a command that knows no division of work was started several times."""
    if processes() > 1:
        raise BadInput(f"{command} is done by one process: start it without a launcher")
