"""Finding messages again. The index follows the log: read `indexing`; `finding` asks it, `erasing` takes out of it."""
