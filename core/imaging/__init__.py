"""Image bytes to pixels and back, decoded only in a sandbox."""
