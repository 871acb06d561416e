"""What every fake service shares: an HTTP/1.1 server, its counts, and misbehaviour on demand.

A service is a class with
    name                         shown in the log
    handle(exchange) -> Answer   decides; exchange.fail(...) raises what the service would answer
    error_body(status, behaviour, message) -> bytes
    broken_answer(kind, behaviour, answer)  -> Answer: kinds that only the service can build, or None

Control (never counted, no key needed):
    POST   /_fake/script   a list of behaviours, appended to those that wait
    DELETE /_fake/script   forgets them
    POST   /_fake/reset    forgets behaviours and counts
    GET    /_fake/stats    counts and, without ?log=0, every request seen and, by prompt, the digests
                           (BLAKE2b-256) of what was made for it

A behaviour is an object {"do": KIND, ...}. Each billable request that is *valid* takes the first one
that fits. Common keys: "match" (regular expression searched in the prompt), "times" (default 1; -1 =
for ever), "paid" (overrules whether it counts as billed).
    ok                                     a good answer
    error       status, message, retry_delay ("7s"), quota ("minute" | "day"), retry_after (header),
                echo_key (true: the words hold the caller's key)
    hang        seconds (default 3600), when ("before" | "body"), then a good answer
    drip        chunk (bytes), seconds (between chunks)
    swallow     reads the request, closes without a word
    reset       after (bytes of the answer), then RST
    cut         after (bytes of the answer), then an ordinary close; the head promises it all
    lie_length  by (bytes that Content-Length is off; negative: too small)
    raw         text or base64: these very bytes, head and all, then closes
    body        text or base64, type: a 200 with this body
    redirect    to (URL), status (default 302)
    deep        depth: JSON nested that deep
    giant       bytes: a good beginning, then that many bytes more of the same string
and those of the service itself.
"""
import base64
import collections
import http.server
import itertools
import json
import random
import re
import select
import socket
import socketserver
import struct
import sys
import threading
import time

LOG_BODY_MAX = 1 << 20
BODY_MAX = 100 << 20
KEY_HEADERS = ("x-goog-api-key", "authorization", "xi-api-key")


class Refusal(Exception):
    """The service says no to what was asked."""

    def __init__(self, status, body, headers=()):
        super().__init__(status)
        self.status, self.body, self.headers = status, body, list(headers)


class Answer:
    """paid: the service would bill it. media: where a long string may be stretched (offset)."""

    def __init__(self, body, status=200, headers=(), paid=False, chunked=False, media_at=None,
                 type="application/json; charset=UTF-8"):
        self.body, self.status, self.headers = body, status, list(headers)
        self.paid, self.chunked, self.media_at, self.type = paid, chunked, media_at, type


class Exchange:
    """One request, as the service sees it."""

    def __init__(self, handler, path, query, body):
        self.method, self.path, self.query, self.body = handler.command, path, query, body
        self.headers = handler.headers
        self.prompt = None  # set by the service for what can be billed
        self.behaviour = None
        self.made = []      # BLAKE2b-256 of the media in the answer


class State:
    """Counts, the log and the script, under one lock."""

    def __init__(self, keep):
        self.lock = threading.Lock()
        self.keep = keep
        self.script = []
        self.counts = collections.Counter()
        self.reset()

    def reset(self):
        with self.lock:
            self.script.clear()
            running = self.counts["in_flight"]
            self.counts = collections.Counter(in_flight=running)
            self.by_prompt = collections.Counter()
            self.paid_by_prompt = collections.Counter()
            self.made = collections.defaultdict(list)
            self.sent_at = []
            self.log = collections.deque(maxlen=self.keep)

    def take_behaviour(self, prompt):
        with self.lock:
            for b in self.script:
                if b["times"] and re.search(b.get("match", ""), prompt):
                    b["times"] -= b["times"] > 0
                    if not b["times"]:
                        self.script.remove(b)
                    return b
        return None

    def add_script(self, items):
        for b in items:
            b.setdefault("times", 1)
            re.compile(b.get("match", ""))
        with self.lock:
            self.script.extend(items)
            return len(self.script)

    def count(self, **by):
        with self.lock:
            self.counts.update(by)
            self.counts["max_in_flight"] = max(self.counts["max_in_flight"],
                                               self.counts["in_flight"])

    def asked(self, prompt, at):
        with self.lock:
            self.counts["generations_asked"] += 1
            self.by_prompt[prompt] += 1
            self.sent_at.append(at)

    def billed(self, prompt, made):
        with self.lock:
            self.counts["paid"] += 1
            self.paid_by_prompt[prompt] += 1
            self.made[prompt] += (m for m in made if m not in self.made[prompt])

    def stats(self, with_log):
        names = ("connections", "requests", "generations_asked", "paid", "refused", "in_flight",
                 "max_in_flight", "key_in_url", "wrong_key", "aborted_uploads")
        with self.lock:
            out = {n: self.counts[n] for n in names}
            out.update(by_prompt=dict(self.by_prompt), paid_by_prompt=dict(self.paid_by_prompt),
                       sent_at=list(self.sent_at), script_left=len(self.script))
            if with_log:
                out["log"] = list(self.log)
                out["made"] = dict(self.made)
        return out


class ClientGone(Exception):
    pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "scaffolding on HTTPServer2"
    sys_version = ""
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def setup(self):
        super().setup()
        self.server.state.count(connections=1)

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    # ---- reading ----

    def read_exact(self, n):
        data = self.rfile.read(n)
        if len(data) != n:
            raise ClientGone
        return data

    def read_chunks(self):
        out = bytearray()
        while True:
            size = int(self.rfile.readline(100).split(b";")[0].strip() or b"-1", 16)
            if size < 0 or len(out) + size > BODY_MAX:
                raise ClientGone
            out += self.read_exact(size)
            self.read_exact(2)
            if size == 0:
                return bytes(out)

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.read_chunks()
        return self.read_exact(min(int(self.headers.get("Content-Length", 0)), BODY_MAX + 1))

    # ---- one request ----

    def serve(self):
        try:
            body = self.read_body()
        except (ClientGone, ValueError, OSError):
            self.server.state.count(aborted_uploads=1)
            self.close_connection = True
            return
        path, _, query = self.path.partition("?")
        try:
            if path.startswith("/_fake/"):
                self.control(path, query, body)
            else:
                self.exchange(path, query, body)
        except (ClientGone, OSError):
            self.close_connection = True

    def control(self, path, query, body):
        state, reply, status = self.server.state, None, 200
        try:
            if (self.command, path) == ("POST", "/_fake/script"):
                reply = {"waiting": state.add_script(self.server.checked_script(json.loads(body)))}
            elif (self.command, path) == ("DELETE", "/_fake/script"):
                with state.lock:
                    state.script.clear()
                reply = {"waiting": 0}
            elif (self.command, path) == ("POST", "/_fake/reset"):
                state.reset()
                reply = {}
            elif (self.command, path) == ("GET", "/_fake/stats"):
                reply = state.stats("log=0" not in query)
            else:
                reply, status = {"error": f"no control {self.command} {path}"}, 404
        except (ValueError, TypeError, KeyError, re.error) as e:
            reply, status = {"error": f"{type(e).__name__}: {e}"}, 400
        self.send(Answer(json.dumps(reply).encode(), status))

    def exchange(self, path, query, body):
        server, state, at = self.server, self.server.state, time.time()
        x = Exchange(self, path, query, body)
        entry = {"at": at, "method": x.method, "path": path, "query": query, "status": None,
                 "headers": server.shown_headers(x.headers), "body": shown_body(body),
                 "prompt": None, "do": None, "paid": False}
        with state.lock:
            state.log.append(entry)
        state.count(requests=1, in_flight=1)
        try:
            answer = self.decide(x, entry, at)
            entry["status"] = answer.status
            self.perform(answer, x.behaviour or {"do": "ok"}, x)
        finally:
            state.count(in_flight=-1)

    def decide(self, x, entry, at):
        server, state = self.server, self.server.state
        try:
            answer = server.service.handle(x)
        except Refusal as r:
            state.count(refused=1)
            return Answer(r.body, r.status, r.headers)
        if x.prompt is None:
            return answer
        state.asked(x.prompt, at)
        x.behaviour = state.take_behaviour(x.prompt) or server.chance()
        entry.update(prompt=x.prompt, do=(x.behaviour or {}).get("do"))
        if x.behaviour:
            answer = server.altered(x, answer)
        if answer.paid:
            entry["paid"] = True
            state.billed(x.prompt, x.made)
        server.wait_latency(self)  # whoever leaves meanwhile has paid
        return answer

    # ---- answering, well or badly ----

    def pause(self, seconds):
        """Sleeps; ends early, by ClientGone, when the client closes."""
        until = time.monotonic() + seconds
        ready, _, _ = select.select([self.connection], [], [], seconds)
        if not ready:
            return
        if not self.connection.recv(1, socket.MSG_PEEK):
            raise ClientGone
        time.sleep(max(0, until - time.monotonic()))  # it has sent its next request already

    def head_of(self, answer, length):
        out = [f"HTTP/1.1 {answer.status} {self.responses.get(answer.status, ('',))[0]}",
               f"Content-Type: {answer.type}", "Vary: Origin", "Vary: X-Origin", "Vary: Referer",
               f"Date: {self.date_time_string()}", f"Server: {self.server_version}",
               "X-Content-Type-Options: nosniff"]
        out += [f"{k}: {v}" for k, v in answer.headers]
        out.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
        return ("\r\n".join(out) + "\r\n\r\n").encode()

    def send(self, answer):
        if answer.chunked:
            self.wfile.write(self.head_of(answer, None))
            self.send_chunks([answer.body])
        else:
            self.wfile.write(self.head_of(answer, len(answer.body)))
            if self.command != "HEAD":
                self.wfile.write(answer.body)
        self.wfile.flush()

    def send_chunks(self, parts):
        for part in parts:
            for i in range(0, len(part), 1 << 16):
                piece = part[i:i + (1 << 16)]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def perform(self, answer, b, x):
        do = getattr(self, "act_" + b["do"], None)
        if do:
            do(answer, b)
        else:
            self.send(answer)

    def act_hang(self, answer, b):
        seconds = b.get("seconds", 3600)
        if b.get("when", "before") == "before":
            self.pause(seconds)
            return self.send(answer)
        half = len(answer.body) // 2
        self.wfile.write(self.head_of(answer, len(answer.body)) + answer.body[:half])
        self.wfile.flush()
        self.pause(seconds)
        self.wfile.write(answer.body[half:])
        self.wfile.flush()

    def act_drip(self, answer, b):
        self.wfile.write(self.head_of(answer, len(answer.body)))
        step = b.get("chunk", 1000)
        for i in range(0, len(answer.body), step):
            self.wfile.write(answer.body[i:i + step])
            self.wfile.flush()
            self.pause(b.get("seconds", 0.01))

    def act_swallow(self, answer, b):
        self.close_connection = True

    def send_part(self, answer, after):
        data = self.head_of(answer, len(answer.body)) + answer.body[:after]
        self.wfile.write(data)
        self.wfile.flush()
        self.close_connection = True

    def act_reset(self, answer, b):
        self.send_part(answer, b.get("after", len(answer.body) // 2))
        self.server.resets.add(self.connection)

    def act_cut(self, answer, b):
        self.send_part(answer, b.get("after", len(answer.body) // 2))

    def act_lie_length(self, answer, b):
        self.wfile.write(self.head_of(answer, len(answer.body) + b.get("by", 1000)) + answer.body)
        self.wfile.flush()
        self.close_connection = True

    def act_raw(self, answer, b):
        self.wfile.write(bytes_of(b))
        self.wfile.flush()
        self.close_connection = True

    def act_giant(self, answer, b):
        at, left = answer.media_at or 1, b.get("bytes", 1 << 30)
        block = b"A" * (1 << 18)
        blocks = (block[:min(len(block), left - i)] for i in range(0, left, len(block)))
        self.wfile.write(self.head_of(answer, None))
        self.send_chunks(itertools.chain([answer.body[:at]], blocks, [answer.body[at:]]))


def bytes_of(b):
    return base64.b64decode(b["base64"]) if "base64" in b else b.get("text", "").encode()


def shown_body(body):
    if len(body) > LOG_BODY_MAX:
        return f"({len(body)} bytes)"
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "backslashreplace")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    KINDS = {"ok", "error", "hang", "drip", "swallow", "reset", "cut", "lie_length", "raw", "body",
             "redirect", "deep", "giant"}
    # Whether the service bills; the others are billed as the answer that they spoil.
    BILLED = {"error": False, "redirect": False}

    def __init__(self, service, options):
        self.service, self.options = service, options
        self.state = service.state = State(options.keep)
        self.random = random.Random(options.seed)
        self.resets = set()
        super().__init__(("127.0.0.1", options.port), Handler)

    def shutdown_request(self, request):
        if request in self.resets:
            self.resets.discard(request)
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def shown_headers(self, headers):
        """A list, in order; the key itself is never in it."""
        out = []
        for name, value in headers.items():
            if name.lower() in KEY_HEADERS:
                value = "(right key)" if self.options.key in value else "(wrong key)"
            out.append([name, value])
        return out

    def checked_script(self, items):
        for b in items if isinstance(items, list) else [items]:
            if b["do"] not in self.KINDS | self.service.kinds:
                raise ValueError(f"unknown behaviour {b['do']!r}")
        return items if isinstance(items, list) else [items]

    def chance(self):
        with self.state.lock:
            if self.random.random() >= self.options.error_rate:
                return None
            return {"do": "error", "status": self.random.choice([429, 500, 503])}

    def wait_latency(self, handler):
        low, high = self.options.latency
        if high > 0:
            with self.state.lock:
                seconds = self.random.uniform(low, high)
            handler.pause(seconds)

    def altered(self, x, answer):
        b, kind = x.behaviour, x.behaviour["do"]
        if kind == "error":
            headers = [("Retry-After", str(b["retry_after"]))] if "retry_after" in b else []
            message = f"Key {self.service.key_of(x)} is no good." if b.get("echo_key") else None
            answer = Answer(self.service.error_body(b.get("status", 500), b, message),
                            b.get("status", 500), headers)
        elif kind == "redirect":
            answer = Answer(b"", b.get("status", 302), [("Location", b["to"])])
        elif kind == "body":
            answer = Answer(bytes_of(b), paid=True, type=b.get("type", "application/json"))
        elif kind == "deep":
            depth = b.get("depth", 100000)
            answer = Answer(b'{"a":' * depth + b"1" + b"}" * depth, paid=True)
        else:
            answer = self.service.broken_answer(x, b, answer) or answer
        answer.paid = b.get("paid", self.BILLED.get(kind, answer.paid))
        return answer


def latency(text):
    low, _, high = text.partition("-")
    return float(low), float(high or low)


def add_options(parser):
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--key", default="fake-key-0123456789", help="the only key that is right")
    parser.add_argument("--latency", type=latency, default=(0, 0), metavar="S[-S]",
                        help="seconds before each generated answer")
    parser.add_argument("--error-rate", type=float, default=0, metavar="0..1",
                        help="share of generations that fail with 429, 500 or 503")
    parser.add_argument("--seed", type=int, default=None, help="of all chance here; printed")
    parser.add_argument("--keep", type=int, default=10000, help="requests remembered in the log")


def run(service, options):
    """Prints PORT and SEED, serves until it is ended."""
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    with Server(service, options) as server:
        print(f"PORT {server.server_address[1]}\nSEED {options.seed}", flush=True)
        try:
            server.serve_forever(poll_interval=3600)
        except KeyboardInterrupt:
            pass
