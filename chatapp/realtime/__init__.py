"""The only code that emits. Everybody has one room of their own; the server alone decides who is in it.

Where several processes serve one chat, what is emitted goes to the users' sockets in all of them. `connections.here`
and `long_polls.here` are this process's own, `others` has what is known of the other processes.
"""
