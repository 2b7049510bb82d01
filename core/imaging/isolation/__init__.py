"""How a process of the sandbox gives up its rights: limits, seccomp, Landlock, namespaces and another user."""
