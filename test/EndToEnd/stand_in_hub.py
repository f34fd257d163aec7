"""As much of the Hugging Face Hub as an upload needs, on this machine: repositories are folders in
memory."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hf_stand_in"


class Hub(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        # What was uploaded, by repository and path.
        self.files: dict[str, dict[str, bytes]] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *arguments: object) -> None:
        pass

    def _answer(self, value: object, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _is_known(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self._answer({"error": "Invalid credentials"}, 401)
        return False

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._is_known():
            return
        if self.path == "/api/repos/create":
            asked = json.loads(raw)
            owner = asked.get("organization") or "somebody"
            name = f"{owner}/{asked['name']}"
            self.server.files.setdefault(name, {})
            return self._answer({"url": f"{self.server.address}/{name}", "id": name})
        repository = "/".join(self.path.split("/")[3:5])
        if self.path.endswith("/preupload/main"):
            asked = json.loads(raw)
            return self._answer(
                {
                    "files": [
                        {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False}
                        for f in asked["files"]
                    ]
                }
            )
        if self.path.endswith("/commit/main"):
            for line in raw.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    value = entry["value"]
                    content = base64.b64decode(value["content"])
                    self.server.files[repository][value["path"]] = content
            address = f"{self.server.address}/{repository}/commit/0"
            return self._answer({"commitUrl": address, "commitOid": "0" * 40, "success": True})
        if self.path == "/api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        return self._answer({"error": f"nothing at {self.path}"}, 404)

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            name = "/".join(self.path.split("/")[3:5])
            return self._answer({"id": name, "sha": "0" * 40, "siblings": []})
        return self._answer({"error": f"nothing at {self.path}"}, 404)


@contextmanager
def stand_in_hub() -> Iterator[Hub]:
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
