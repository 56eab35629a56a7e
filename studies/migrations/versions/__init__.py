"""One file a step, append-only: a released step is never edited, for somebody's database was made by it."""
