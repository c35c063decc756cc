"""Input (`XIn`, loaded by both transports) and output (`XOut` documents a shape for clients, `views` types it)."""
