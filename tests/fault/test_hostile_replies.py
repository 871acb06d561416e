"""Every way in which a provider, or who sits on its wire, can misbehave: nothing torn is ever visible, the
requests are bounded, the state and the note say what happened, and the next prompt is served."""
import http.server
import re
import threading

import pytest

from faults import nothing_torn, results, whole
from rig import Library, wait_for

BIG = 600 << 20

# behaviour, state in the end, requests made, paid, words of the note
CASES = {
    # ---- bytes that are no picture: billed, tried once more, then failed
    "base64 ends in a group": ({"do": "half_base64"}, "failed", 2, 2, "base64"),
    "base64 with a wrong character": ({"do": "bad_base64"}, "failed", 2, 2, "base64"),
    "half a picture": ({"do": "half_picture"}, "failed", 2, 2, "image"),
    "an SVG called PNG": ({"do": "fake_type"}, "failed", 2, 2, "image"),
    "HTML called PNG": ({"do": "fake_type", "text": "<html><script>alert(1)</script></html>"}, "failed", 2, 2, "image"),
    "a film list called PNG": ({"do": "fake_type", "text": "ffconcat version 1.0\nfile /etc/passwd\n"}, "failed", 2, 2,
                               "image"),
    "no parts": ({"do": "no_parts"}, "failed", 2, 2, ""),
    "finished without a picture": ({"do": "finish", "reason": "NO_IMAGE"}, "failed", 2, 2, ""),
    # ---- said no: not billed, tried once
    "refused": ({"do": "refuse"}, "failed", 1, 0, "refuse"),
    "finished for safety": ({"do": "finish", "reason": "IMAGE_SAFETY"}, "failed", 1, 1, ""),
    # ---- a whole answer that is no JSON: whether it was billed nobody knows
    "deep JSON": ({"do": "deep", "depth": 100000}, "unknown", 1, 1, "unknown"),
    "a 200 that is HTML": ({"do": "body", "text": "<!DOCTYPE html><p>Sign in to the network", "type": "text/html"},
                           "unknown", 1, 1, "unknown"),
    "a 200 that is empty": ({"do": "body", "text": ""}, "unknown", 1, 1, "unknown"),
    "a 200 with two documents": ({"do": "body", "text": "{}{}", "type": "application/json"}, "unknown", 1, 1, "unknown"),
    "a 200 of NULs": ({"do": "body", "text": "\0" * 4096, "type": "application/json"}, "unknown", 1, 1, "unknown"),
    # ---- answers that end too early, or never
    "cut in the body": ({"do": "cut"}, "unknown", 1, 1, "unknown"),
    "cut at once": ({"do": "cut", "after": 0}, "unknown", 1, 1, "unknown"),
    "reset in the body": ({"do": "reset"}, "unknown", 1, 1, "unknown"),
    "reset at once": ({"do": "reset", "after": 0}, "unknown", 1, 1, "unknown"),
    "no word at all": ({"do": "swallow"}, "unknown", 1, 1, "unknown"),
    "less than promised": ({"do": "lie_length", "by": 1000}, "unknown", 1, 1, "unknown"),
    "more than promised": ({"do": "lie_length", "by": -1000}, "unknown", 1, 1, "unknown"),
    "silence beyond the limit": ({"do": "hang"}, "unknown", 1, 1, "unknown"),
    "silence within the body": ({"do": "hang", "when": "body"}, "unknown", 1, 1, "unknown"),
    "no HTTP": ({"do": "raw", "text": "220 mail.example ESMTP\r\n"}, "unknown", 1, 1, "unknown"),
    "a head without an end": ({"do": "raw", "text": "HTTP/1.1 200 OK\r\n" + "X-A: b\r\n" * 100000}, "unknown", 1, 1,
                              "unknown"),
    "a picture without an end": ({"do": "giant", "bytes": BIG}, "failed", 2, 2, "more than"),
    # ---- error statuses
    "400": ({"do": "error", "status": 400, "message": "Bad \x1b[31mwords\x07"}, "failed", 1, 0, "Bad"),
    "404": ({"do": "error", "status": 404}, "failed", 1, 0, ""),
    "500": ({"do": "error", "status": 500}, "failed", 5, 0, "500"),
    "503": ({"do": "error", "status": 503}, "failed", 5, 0, "503"),
    "503 as HTML": ({"do": "raw", "text": "HTTP/1.1 503 x\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n"
                                          "<html>busy<br>\n"}, "failed", 5, 5, "503"),
    "502 without words": ({"do": "raw", "text": "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"}, "failed", 5, 5,
                          "502"),
}


@pytest.fixture(scope="module")
def lib(gemini_server):
    gemini_server.reset()
    tables = {"budget": {"retry_unknown_max_usd": 0, "daily_usd": 100, "bulk_count": 1000},
              "providers.gemini": {"base_url": gemini_server.url, "rate_limit": 6000, "timeout_seconds": 3}}
    with Library(fake=gemini_server, tables=tables) as lib:
        lib.mount()
        yield lib


def note_of(lib, prompt):
    path = prompt[:-len(".txt")] + ".error.log"
    lib.wait_exists(path)
    return lib.read(path)


@pytest.mark.parametrize("case", CASES)
def test_reply(lib, fake, case):
    behaviour, state, requests, paid, words = CASES[case]
    name = "images/" + re.sub(r"\W+", "_", case) + ".txt"
    text = f"a picture ({case})"
    fake.script([{**behaviour, "match": re.escape(text), "times": -1}])
    lib.save(name, text)
    assert lib.wait_state(name, "failed", "unknown", "done", seconds=60) == state
    stats = fake.stats(log=False)
    assert stats["by_prompt"][text] == requests
    assert stats["paid_by_prompt"].get(text, 0) == paid
    note = note_of(lib, name)
    assert words.lower() in note.lower(), note
    assert "\x1b" not in note and "\x07" not in note
    assert fake.key not in note
    assert not [r for r in results(lib) if r.startswith(name[:-4])]
    # It harms nobody else: the next prompt is served at once, and so is this one when it is asked for again.
    fake.clear()
    lib.ymago("retry", lib.path(name))
    result, = lib.wait(name)
    whole(lib, result)
    lib.wait_gone(name[:-4] + ".error.log")
    nothing_torn(lib)


def test_the_key_is_not_echoed(lib, fake):
    fake.script([{"do": "error", "status": 400, "echo_key": True}])
    lib.save("images/echo.txt", "tell me my key")
    lib.wait_state("images/echo.txt", "failed")
    for text in (note_of(lib, "images/echo.txt"), lib.ask("images/echo.txt", "error"), lib.log(),
                 lib.bytes(".ymago/events.log").decode(), lib.bytes(".ymago/status.json").decode()):
        assert fake.key not in text


class Thief(http.server.BaseHTTPRequestHandler):
    """Another host: answers whatever comes, and remembers it."""

    def do_POST(self):
        self.server.seen.append((self.path, dict(self.headers)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST

    def log_message(self, *args):
        pass


@pytest.fixture
def thief():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Thief) as server:
        server.seen = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere_with_the_key(lib, fake, thief, status):
    text = f"follow me {status}"
    fake.script([{"do": "redirect", "to": f"http://127.0.0.1:{thief.server_port}/steal", "status": status,
                  "match": text, "times": -1}])
    lib.save(f"images/redirect{status}.txt", text)
    lib.wait_state(f"images/redirect{status}.txt", "failed", "unknown")
    assert thief.seen == []
    assert fake.stats(log=False)["by_prompt"][text] <= 5
    nothing_torn(lib)


def test_a_redirect_to_a_file(lib, fake):
    fake.script([{"do": "redirect", "to": "file:///etc/passwd", "match": "local", "times": -1}])
    lib.save("images/local.txt", "a local file")
    lib.wait_state("images/local.txt", "failed", "unknown")
    assert "root:" not in note_of(lib, "images/local.txt")
    nothing_torn(lib)


def test_throttled_for_years(lib, fake):
    """An absurd wish to wait ends as a readable wait of a day at most, not of years."""
    fake.script([{"do": "error", "status": 429, "retry_delay": "99999999999s", "match": "patience"}])
    lib.save("images/patience.txt", "patience")
    fake.wait_for(lambda s: s["by_prompt"].get("patience"))
    lane = wait_for(lambda: [q for q in lib.status()["lanes"] if q["state"] != "ok"], what=lib.status)[0]
    assert lane["until"], lane
    assert lib.state("images/patience.txt") == "queued"
    lib.ymago("cancel", lib.path("images/patience.txt"))
    assert lib.state("images/patience.txt") == "cancelled"


def test_memory_stays_small(lib):
    """After a picture without an end, and a head without one."""
    with open(f"/proc/{lib.pid}/status", encoding="ascii") as f:
        peak = next(int(row.split()[1]) for row in f if row.startswith("VmHWM:"))
    assert peak < 300 << 10, f"{peak >> 10} MiB"
