"""How far a process of the sandbox is isolated, as a level and in words."""

from dataclasses import dataclass
from typing import Any, Self

LEVELS = ("limits", "syscalls", "paths", "isolated")  # each includes those before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What a process has given up. Limits of memory, time and descriptors hold in any case.

    Attributes:
        syscalls: It is refused every system call that decoding does not need (seccomp).
        landlock: Version of Landlock's interface, by which it reaches no path; 0 for none.
        empty_root: Its root folder is empty.
        network: It has a network of its own, without a device.
        user: It runs as another user than the service.
    """

    syscalls: bool
    landlock: int
    empty_root: bool
    network: bool
    user: bool

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Self:
        """Read what a process says when it is ready, before it has seen any image."""
        return cls(
            syscalls=bool(values.get("syscalls")),
            landlock=int(values.get("landlock", 0)),
            empty_root=bool(values.get("empty_root")),
            network=bool(values.get("network")),
            user=bool(values.get("user")),
        )

    @property
    def level(self) -> str:
        """The highest of LEVELS that is reached."""
        if not self.syscalls:
            return "limits"
        if not (self.landlock or self.empty_root):
            return "syscalls"
        return "isolated" if self.network else "paths"

    def reaches(self, level: str) -> bool:
        """Whether the level is this one or a lower one.

        Args:
            level: One of LEVELS.
        """
        return LEVELS.index(self.level) >= LEVELS.index(level)

    def __str__(self) -> str:
        layers = {
            "limits of memory and time": True,
            "an allow-list of system calls": self.syscalls,
            f"Landlock {self.landlock}" if self.landlock else "Landlock": self.landlock > 0,
            "an empty root folder": self.empty_root,
            "a network of its own": self.network,
            "another user": self.user,
        }
        held = [name for name, has in layers.items() if has]
        missing = [name for name, has in layers.items() if not has]
        return f"{self.level}: {', '.join(held)}" + (f"; without {', '.join(missing)}" if missing else "")
