"""The rules: each function finds, checks, spends, writes, publishes, returns. No Flask, no PyMongo."""
