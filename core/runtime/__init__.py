"""How work runs: device, processes, progress, checkpoints."""
