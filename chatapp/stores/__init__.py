"""Every call to PyMongo, as plain functions. Stores know no rules; services know no PyMongo."""
