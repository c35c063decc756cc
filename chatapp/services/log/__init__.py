"""A conversation's log, the heart of the server. Read `append`, `rounds`, `state` and `hash_chain`, in this order."""
