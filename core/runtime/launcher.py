"""What a launcher such as torchrun says about this process in environment variables. Imports no torch."""

import os

from core.errors import BadInput

REQUIRED_VARIABLES = ("RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def process_count() -> int:
    """The number of processes that the launcher started on all machines; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_process_count() -> int:
    """The number of those processes on this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if process_count() > 1 else 1


def local_rank() -> int:
    """The number of this process on this machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0")) if process_count() > 1 else 0


def check_environment() -> None:
    """Raises BadInput if the environment names several processes and lacks a variable that a launcher sets."""
    missing = [name for name in REQUIRED_VARIABLES if name not in os.environ]
    if process_count() > 1 and missing:
        raise BadInput(f"WORLD_SIZE is {process_count()}, but {', '.join(missing)} not set: start it with torchrun")


def require_single_process(command: str) -> None:
    """Raises BadInput if a launcher started several processes of a command that only one can do."""
    if process_count() > 1:
        raise BadInput(f"{command} is done by one process: start it without a launcher")
