"""Files looked into by a process of its own: the kind of each, without its metadata, and the small pictures of it."""
