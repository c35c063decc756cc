"""The inspecting process runs this code. The server imports none of it: the decoders run in that process alone."""
