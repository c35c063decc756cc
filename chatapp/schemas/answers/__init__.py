"""The shapes of answers, for the API's documents. Services build plain dicts of these shapes, typed by `views`:
dumping a page of messages through marshmallow costs more than everything else.

Each module has the answers about one subject, and the module of the same name in `views` has their types."""
