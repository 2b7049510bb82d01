"""Reports as pages: wording, caveats, charts, templates."""
