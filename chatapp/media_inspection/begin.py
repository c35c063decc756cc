"""The inspecting process begins here: it loads its own room, and not the server that the package `chatapp` starts with.

python -I begin.py CHATAPP_FOLDER JOB     the job as JSON: `child/main.py` says its fields
"""

import runpy
import sys
import types

if __name__ == "__main__":
    server = types.ModuleType("chatapp")
    server.__path__ = [sys.argv[1]]
    sys.modules["chatapp"] = server
    runpy.run_module("chatapp.media_inspection.child.main", run_name="__main__")
