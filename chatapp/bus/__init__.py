"""Messages between the processes that serve one chat. They may be lost, late or doubled: the log in the database is
the truth, and a process that misses something reads it there.

`envelope` seals and opens, `sender` sends, `exchange` keeps the order of each sender, `missing` says what to ask for
again, a carrier (`mesh`, …) moves bytes. Nothing here knows what a message is.
"""
