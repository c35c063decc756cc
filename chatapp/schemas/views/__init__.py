"""The shapes of answers and of pushed events, as types. `answers` and `pushed` document the same shapes for clients."""
