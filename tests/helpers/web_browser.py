"""Servers of the built page and package, and the scripts that open them in a browser."""

import http.server
import json
import os
import subprocess
from functools import partial

from checkout import ROOT

WEB = ROOT / "web"
DIST = WEB / "dist"
PAGE = DIST / "page"
NETWORKS = WEB / "networks"  # those of the page, unpacked


class PlainHandler(http.server.SimpleHTTPRequestHandler):
    """A static host, which sends no headers of isolation."""

    def log_message(self, *_):
        pass


def plain_server(folder):
    """A server of a folder that is no :class:`PageServer`."""
    return http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(PlainHandler, directory=str(folder)))


def ran(node, script, **task):
    """What a script of ``web/tests/browser`` returned."""
    command = [node, str(WEB / "tests" / "browser" / script), json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | {"NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    own = task.get("address") or answer["result"]["address"]
    foreign = [address for address in answer["requests"] if not address.startswith((own, "data:", "blob:"))]
    assert foreign == [], "the page asks only its own server"
    return answer
