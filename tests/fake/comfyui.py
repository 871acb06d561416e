#!/usr/bin/env python3
"""A strict fake of a ComfyUI server: it checks workflows, runs them one after the other and keeps real files.

    comfyui.py --port 0 [--small] [--seconds 0.5] [--new] [--old] [--token T]

Needs ffmpeg and python3-pil. Prints "PORT n" once it listens. server.py describes how to make POST /prompt
misbehave (the prompt of a workflow is the text of its first CLIPTextEncode); a behaviour of the work itself:
    slow       seconds: how long it takes
    node_error type, message: a node fails
    memory     it runs out of memory
    forget     the job vanishes when it is done, as if the server had been started anew
    nothing    it ends well without any file
Old servers (--old) choose the job's id themselves and interrupt whatever runs.
"""
import argparse
import email
import email.policy
import hashlib
import io
import json
import re
import threading
import time
import urllib.parse
import uuid

from PIL import Image

import server
from comfyui_check import Invalid, check
from comfyui_nodes import CHECKPOINTS, NODES, Run
from server import Answer, Refusal

TYPES = {"png": "image/png", "mp4": "video/mp4", "webm": "video/webm", "flac": "audio/flac", "mp3": "audio/mpeg"}
WORK = {"slow", "node_error", "memory", "forget", "nothing"}


class Failed(Exception):
    def __init__(self, node, type, message):
        super().__init__(message)
        self.node, self.type, self.message = node, type, message


class Job:
    def __init__(self, number, id, nodes, outputs, prompt, behaviour):
        self.number, self.id, self.nodes, self.outputs, self.prompt = number, id, nodes, outputs, prompt
        self.behaviour = behaviour
        self.stop = threading.Event()

    def row(self):
        return [self.number, self.id, self.nodes, {"client_id": "x"}, self.outputs]


class ComfyUI:
    kinds = WORK

    def __init__(self, options):
        self.options = options
        self.lock = threading.Condition()
        self.pending, self.running, self.history = [], None, {}
        self.number = 0
        self.files = {}                       # (type, subfolder, name) -> bytes
        self.sizes, self.digests = {}, {}     # of uploaded images
        self.state = None
        threading.Thread(target=self.work, daemon=True).start()

    # ---- the worker ----

    def work(self):
        while True:
            with self.lock:
                self.lock.wait_for(lambda: self.pending)
                self.pending.sort(key=lambda j: j.number)
                job = self.running = self.pending.pop(0)
            entry = self.execute(job)
            with self.lock:
                self.running = None
                if job.behaviour.get("do") != "forget":
                    self.history[job.id] = entry

    def execute(self, job):
        b, messages = job.behaviour, [["execution_start", {"prompt_id": job.id, "timestamp": int(time.time() * 1000)}]]
        outputs, status = {}, "success"
        job.stop.wait(b.get("seconds", self.options.seconds) if b.get("do") == "slow" else self.options.seconds)
        try:
            if job.stop.is_set():
                messages.append(["execution_interrupted", {"prompt_id": job.id, "node_id": "3", "executed": []}])
                status = "error"
            elif b.get("do") != "nothing":
                outputs = self.run_nodes(job)
        except Failed as e:
            status = "error"
            messages.append(["execution_error", {"prompt_id": job.id, "node_id": e.node,
                                                 "node_type": job.nodes[e.node]["class_type"], "exception_type": e.type,
                                                 "exception_message": e.message, "traceback": ["File ..."]}])
        return {"prompt": job.row(), "outputs": outputs, "meta": {},
                "status": {"status_str": status, "completed": status == "success", "messages": messages}}

    def fail_wanted(self, job):
        b = job.behaviour
        node = next((i for i, n in job.nodes.items() if n["class_type"] == "KSampler"), job.outputs[0])
        if b.get("do") == "node_error":
            raise Failed(node, b.get("type", "RuntimeError"), b.get("message", "mat1 and mat2 shapes cannot be multiplied"))
        if b.get("do") == "memory":
            raise Failed(node, "torch.OutOfMemoryError", "Allocation on device ")

    def run_nodes(self, job):
        run, done = Run(self.files, job.number, self.options.shrink), {}
        run.sizes, run.digests = self.sizes, self.digests
        self.fail_wanted(job)

        def value(v):
            return give(v[0])[v[1]] if isinstance(v, list) else v

        def give(id):
            if id not in done:
                node = job.nodes[id]
                cls = NODES[node["class_type"]]
                names = [n for n in {**cls.required, **cls.optional} if n in node["inputs"]]
                done[id] = cls.run(run, **{n: value(node["inputs"][n]) for n in names})
            return done[id]
        outputs = {id: give(id) for id in job.outputs}
        self.state.billed(job.prompt, run.made)
        return outputs

    # ---- routes ----

    def key_of(self, x):
        return x.headers.get("Authorization")

    def handle(self, x):
        origin = x.headers.get("Origin")
        if origin and urllib.parse.urlsplit(origin).netloc != x.headers.get("Host"):
            raise Refusal(403, b"")
        if self.options.token and self.key_of(x) != "Bearer " + self.options.token:
            raise Refusal(401, b"Unauthorized")
        path = re.sub(r"^/api(?=/)", "", x.path)
        for method, pattern, function in (
                ("POST", r"/prompt", self.prompt), ("GET", r"/prompt", self.info), ("GET", r"/queue", self.queue),
                ("POST", r"/queue", self.queue_change), ("POST", r"/interrupt", self.interrupt),
                ("GET", r"/history/([^/]+)", self.history_of), ("GET", r"/view", self.view),
                ("POST", r"/upload/image", self.upload), ("GET", r"/object_info(?:/([^/]+))?", self.object_info)):
            m = re.fullmatch(pattern, path)
            if m and x.method == method:
                return function(x, *m.groups())
        raise Refusal(404, b"404: Not Found")

    def json_of(self, x):
        try:
            return json.loads(x.body.decode())
        except ValueError:
            raise Refusal(500, b"500 Internal Server Error") from None

    def prompt(self, x):
        body = self.json_of(x)
        unknown = set(body) - {"prompt", "client_id", "prompt_id", "extra_data", "front", "number"}
        try:
            if "prompt" not in body:
                raise Invalid("no_prompt", "No prompt provided", "No prompt provided")
            if unknown:
                raise Invalid("unknown_key", f"unknown key {sorted(unknown)}")
            id = body.get("prompt_id", str(uuid.uuid4()))
            if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", id):
                raise Invalid("invalid_prompt_id", "prompt_id must be a lowercase UUID", id)
            outputs, bad = check(body["prompt"], self.digests)
        except Invalid as e:
            raise Refusal(400, json.dumps(e.body).encode()) from None
        if self.options.old:
            id = str(uuid.uuid4())
        texts = [n["inputs"]["text"] for n in body["prompt"].values() if n["class_type"] == "CLIPTextEncode"]
        x.prompt = texts[0] if texts and isinstance(texts[0], str) else "(no text)"
        wanted = self.wanted(x.prompt)
        with self.lock:
            self.number += 1
            job = Job(self.number, id, body["prompt"], outputs, x.prompt, wanted if wanted.get("do") in WORK else {})
            if wanted.get("do") not in ("error", "redirect", "body"):  # however badly it is answered, it is there
                self.pending.append(job)
                self.lock.notify()
        return Answer(json.dumps({"prompt_id": id, "number": job.number, "node_errors": bad}).encode())

    def wanted(self, prompt):
        """The behaviour that this prompt will meet; one of the work is taken from the script here."""
        state = self.state
        with state.lock:
            b = next((b for b in state.script if b["times"] and re.search(b.get("match", ""), prompt)), {})
            if b.get("do") in WORK:
                b["times"] -= b["times"] > 0
                if not b["times"]:
                    state.script.remove(b)
            return b

    def broken_answer(self, x, b, answer):
        return None

    def error_body(self, status, b, message):
        return json.dumps({"error": {"type": "x", "message": b.get("message", "Something is wrong.")}, "node_errors": {}}).encode()

    def info(self, x):
        with self.lock:
            n = len(self.pending) + bool(self.running)
        return Answer(json.dumps({"exec_info": {"queue_remaining": n}}).encode())

    def queue(self, x):
        with self.lock:
            return Answer(json.dumps({"queue_running": [self.running.row()] if self.running else [],
                                      "queue_pending": [j.row() for j in reversed(self.pending)]}).encode())

    def queue_change(self, x):
        body = self.json_of(x)
        with self.lock:
            if body.get("clear"):
                self.pending.clear()
            self.pending = [j for j in self.pending if j.id not in body.get("delete", [])]
        return Answer(b"")

    def interrupt(self, x):
        body = json.loads(x.body or b"{}")
        with self.lock:
            if self.running and (self.options.old or body.get("prompt_id", self.running.id) == self.running.id):
                self.running.stop.set()
        return Answer(b"")

    def history_of(self, x, id):
        with self.lock:
            return Answer(json.dumps({id: self.history[id]} if id in self.history else {}).encode())

    def view(self, x):
        q = dict(urllib.parse.parse_qsl(x.query, keep_blank_values=True))
        data = self.files.get((q.get("type", "output"), q.get("subfolder", ""), q.get("filename")))
        if data is None:
            raise Refusal(404, b"404: Not Found")
        return Answer(data, type=TYPES.get(q["filename"].rsplit(".", 1)[-1], "application/octet-stream"))

    def upload(self, x):
        head = f"Content-Type: {x.headers.get('Content-Type')}\r\n\r\n".encode()
        message = email.message_from_bytes(head + x.body, policy=email.policy.HTTP)
        parts = {p.get_param("name", header="content-disposition"): p for p in message.iter_parts()} \
            if message.is_multipart() else {}
        image = parts.get("image")
        if image is None or not image.get_filename():
            raise Refusal(400, b"")
        data, name = image.get_payload(decode=True), image.get_filename()
        field = {k: v.get_payload().strip() for k, v in parts.items() if k != "image"}
        if "/" in name or field.get("type", "input") not in ("input", "temp", "output"):
            raise Refusal(400, b"")
        try:
            size = Image.open(io.BytesIO(data)).size
        except OSError:
            raise Refusal(500, b"cannot identify image file") from None
        with self.lock:
            if name in self.digests and field.get("overwrite") not in ("true", "1"):
                name = "1_" + name
            folder = field.get("subfolder", "")
            path = f"{folder}/{name}" if folder else name
            self.sizes[path] = size
            self.digests[path] = hashlib.sha256(data).hexdigest()
        return Answer(json.dumps({"name": name, "subfolder": folder, "type": field.get("type", "input")}).encode())

    def object_info(self, x, name=None):
        if name:
            name = urllib.parse.unquote(name)
        chosen = {n: c for n, c in NODES.items() if name in (None, n)}
        return Answer(json.dumps({n: c.info(n, self.options.new) for n, c in chosen.items()}).encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    server.add_options(parser)
    parser.add_argument("--small", dest="shrink", action="store_const", const=8, default=1,
                        help="pictures of an eighth of the width and height")
    parser.add_argument("--seconds", type=float, default=0, help="how long a workflow takes")
    parser.add_argument("--new", action="store_true", help="lists are told as newer servers do")
    parser.add_argument("--old", action="store_true", help="as older servers: own ids, a blind interrupt")
    parser.add_argument("--token", help="a gateway in front of it wants this")
    parser.add_argument("--no-models", action="store_true", help="there is no checkpoint")
    options = parser.parse_args()
    if options.no_models:
        CHECKPOINTS.clear()
    server.run(ComfyUI(options), options)


if __name__ == "__main__":
    main()
