"""Users, what they log in with, their sessions and their profiles."""
