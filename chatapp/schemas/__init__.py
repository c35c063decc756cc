"""What goes in (`XIn`, loaded by both transports) and what comes out (`XOut`, the documented shapes)."""
