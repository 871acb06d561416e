"""Starts a fake service as a process of its own and steers it.

    with FakeGemini("--small") as fake:
        fake.script([{"do": "error", "status": 429, "retry_delay": "2s"}])
        run_something(base_url=fake.url, key=fake.key)
        assert fake.stats()["paid"] == 1
"""
import json
import os
import select
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
START_SECONDS = 20


class FakeServer:
    program = None  # file beside this one

    def __init__(self, *args, key="fake-key-0123456789", port=0):
        self.key = key
        self.port = port
        self.args = [str(a) for a in args]
        self.process = None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    # ---- life ----

    def start(self):
        """Starts it and returns self once it listens. A stopped one starts again on its old port."""
        command = [sys.executable, os.path.join(HERE, self.program), "--port", str(self.port),
                   "--key", self.key, *self.args]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        line = self._first_line()
        if not line.startswith(b"PORT "):
            self.stop()
            raise RuntimeError(f"{self.program} did not start: {line!r}")
        self.port = int(line.split()[1])
        return self

    def _first_line(self):
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        return self.process.stdout.readline() if ready else b""

    def stop(self):
        """Ends the process, its connections are closed by the kernel."""
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()

    # ---- control ----

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def _control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with self._opener.open(request, timeout=30) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as e:
            raise ValueError(e.read().decode(errors="replace")) from None

    def script(self, behaviours):
        """Adds behaviours (server.py describes them) for the requests to come."""
        return self._control("POST", "/_fake/script", behaviours)

    def clear(self):
        """Forgets behaviours that are left; the counts stay."""
        return self._control("DELETE", "/_fake/script")

    def reset(self):
        """Forgets behaviours and counts."""
        return self._control("POST", "/_fake/reset", {})

    def stats(self, log=True):
        return self._control("GET", "/_fake/stats" + ("" if log else "?log=0"))

    def wait_for(self, condition, seconds=20):
        """Polls stats (without the log) until condition(stats) is true; returns them."""
        until = time.monotonic() + seconds
        while True:
            stats = self.stats(log=False)
            if condition(stats):
                return stats
            if time.monotonic() > until:
                raise TimeoutError(f"not within {seconds} s; last: {stats}")
            time.sleep(0.01)


class FakeGemini(FakeServer):
    program = "gemini.py"


class FakeOpenAI(FakeServer):
    program = "openai.py"


class FakeFal(FakeServer):
    program = "fal.py"


class FakeKie(FakeServer):
    program = "kie.py"


class FakeElevenLabs(FakeServer):
    program = "elevenlabs.py"


class FakeComfyUI(FakeServer):
    program = "comfyui.py"


class FakeA1111(FakeServer):
    """--flavour a1111 (AUTOMATIC1111), sdserver or sdserver-old; with --auth `key` is user:password."""
    program = "a1111.py"
