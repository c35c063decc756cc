"""The documents that the store keeps, and the parts of them that stores read.

A field that is NotRequired is missing in documents that an older version of the server has stored, or where it does
not apply. Each module has the documents of the collection that the store module of its name reads and writes, and that
store module says what the fields mean. The indexes are in `migrations_seed`.
"""
