#!/usr/bin/env python3
"""A strict fake of KIE.ai: its jobs, Veo, its file service and the hosts of results, all on one port.

    kie.py --port 0 [--small] [--latency 0.5] [--key KEY]

Needs python3-pil and ffmpeg. Images are taken as addresses only, durations as texts, `sound` where it must be said. Most errors
come below a status of 200, as there. Without a User-Agent nobody gets past the door. Results must not be sent the
key. server.py describes how to make it misbehave; the behaviours below go with the request that makes the
task, and show later (but `code`):
    code       code, message, status (default 200): the answer to the request itself; nothing is billed
    slow       looks: how many looks find it under way
    glitch     looks: so many looks fail first; as: any behaviour of server.py, default {"do": "error", "status": 500}
    fail       code (default "501"), message
    credits    credits: creditsConsumed
    forbidden  results are given out only under a signed address
    lose       the task is forgotten once it was made
    gone       its results are not given out, signed or not
    no_result  success, and nothing named
    page       its results are pages of HTML
    images     count: several results
"""
import argparse
import email.parser
import email.policy
import hashlib
import json
import math
import re
import threading
import time
import urllib.parse

import server
from clips import clip
from fields import anything, flag, image, integer, list_of, number, one_of, problems, text
from pictures import picture
from server import Answer, Refusal

PHOTO = image(data_uri=False, mimes=("image/png", "image/jpeg"))
PICTURE = image(data_uri=False)
RATIOS = ("1:1", "9:16", "16:9", "3:4", "4:3", "3:2", "2:3", "5:4", "4:5", "21:9")
FIVE_TEN = one_of("5", "10")
SHAPE = one_of("1:1", "16:9", "9:16")


class Model:
    def __init__(self, id, makes, most, required=(), **fields):
        self.id, self.makes, self.required = id, makes, ("prompt", *required)
        self.fields = {"prompt": text(most), **fields}


def old(most, negative, **fields):
    return dict(duration=FIVE_TEN, negative_prompt=text(negative, 0), cfg_scale=number(0, 1), **fields)


MODELS = {m.id: m for m in (
    Model("kling-2.6/text-to-video", "video", 1000, ("sound", "aspect_ratio", "duration"), sound=flag, aspect_ratio=SHAPE,
          duration=FIVE_TEN),
    Model("kling-2.6/image-to-video", "video", 1000, ("image_urls", "sound", "duration"), sound=flag,
          image_urls=list_of(PHOTO, 1), duration=FIVE_TEN),
    Model("kling/v2-5-turbo-image-to-video-pro", "video", 2500, ("image_url",), image_url=PHOTO, tail_image_url=PHOTO,
          **old(2500, 2496)),
    Model("kling/v2-5-turbo-text-to-video-pro", "video", 2500, aspect_ratio=SHAPE, **old(2500, 2496)),
    Model("kling/v2-1-standard", "video", 5000, ("image_url",), image_url=PHOTO, **old(5000, 500)),
    Model("kling/v2-1-pro", "video", 5000, ("image_url",), image_url=PHOTO, tail_image_url=PHOTO, **old(5000, 500)),
    Model("kling/v2-1-master-text-to-video", "video", 5000, aspect_ratio=SHAPE, **old(5000, 500)),
    Model("kling/v2-1-master-image-to-video", "video", 5000, ("image_url",), image_url=PHOTO, **old(5000, 500)),
    Model("kling-3.0/video", "video", 2500, image_urls=list_of(PHOTO, 2), sound=flag,
          duration=one_of(*(str(i) for i in range(3, 16))), aspect_ratio=SHAPE, mode=one_of("std", "pro", "4K"),
          multi_shots=flag, multi_prompt=anything, kling_elements=anything),
    Model("google/nano-banana", "image", 5000, image_size=one_of(*RATIOS, "auto"), output_format=one_of("png", "jpeg")),
    Model("google/nano-banana-edit", "image", 5000, ("image_urls",), image_urls=list_of(PICTURE, 10),
          image_size=one_of(*RATIOS, "auto"), output_format=one_of("png", "jpeg")))}
VEO = Model("veo3", "video", 2000, ("model",), model=one_of("veo3", "veo3_fast"), aspect_ratio=one_of("16:9", "9:16"),
            imageUrls=list_of(PHOTO, 2), callBackUrl=text(), seeds=integer(10000, 99999))


def answer(code, msg, data=None, status=200, **more):
    return Answer(json.dumps({"code": code, "msg": msg, "data": data}).encode(), status, type="application/json", **more)


def refuse(code, msg, status=200):
    raise Refusal(status, json.dumps({"code": code, "msg": msg, "data": None}).encode())


class Task:
    def __init__(self, id, model, body, veo):
        self.id, self.model, self.body, self.veo = id, model, body, veo
        self.looks = self.slow = 0
        self.count, self.credits, self.fail, self.glitch = 1, None, None, None
        self.lost = self.gone = self.no_result = self.page = self.forbidden = False
        self.urls = []


class Kie:
    name = "kie"
    kinds = {"code", "slow", "glitch", "fail", "credits", "forbidden", "lose", "gone", "no_result", "page", "images"}

    def __init__(self, options):
        self.options, self.key = options, options.key
        self.lock = threading.Lock()
        self.tasks, self.uploads, self.files, self.created = {}, {}, {}, []
        self.made = 0

    # ---- who asks ----

    def key_of(self, x):
        return x.headers.get("Authorization", "").removeprefix("Bearer ")

    def check_key(self, x):
        if not x.headers.get("User-Agent"):
            raise Refusal(403, b"error code: 1010")
        if not x.headers.get("Authorization", "").startswith("Bearer ") or self.key_of(x) != self.key:
            self.state.count(wrong_key=1)
            refuse(401, "You do not have access permissions")

    def read_json(self, x):
        if x.headers.get("Content-Type", "").split(";")[0] != "application/json":
            refuse(400, "Content type is not supported")
        try:
            body = json.loads(x.body)
        except ValueError:
            refuse(400, "The request body is not JSON")
        if not isinstance(body, dict):
            refuse(400, "The request body is no object")
        return body

    def here(self, x):
        return "http://" + x.headers["Host"]

    def token(self):
        with self.lock:
            self.made += 1
            return hashlib.sha256(f"{self.made}".encode()).hexdigest()[:20]

    def handle(self, x):
        for method, path, function in (
                ("POST", "/api/v1/jobs/createTask", self.create), ("GET", "/api/v1/jobs/recordInfo", self.record),
                ("POST", "/api/v1/veo/generate", self.veo), ("GET", "/api/v1/veo/record-info", self.veo_record),
                ("POST", "/api/v1/common/download-url", self.sign), ("POST", "/api/file-stream-upload", self.upload)):
            if (x.method, x.path) == (method, path):
                self.check_key(x)
                return function(x)
        m = re.fullmatch(r"/files/(\w+)/[\w.-]+", x.path)
        if m and x.method == "GET":
            return self.give(x, m[1])
        refuse(404, "Not Found", 404)

    # ---- files ----

    def upload(self, x):
        head = f"Content-Type: {x.headers.get('Content-Type', '')}\r\n\r\n".encode()
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + x.body)
        if form.get_content_type() != "multipart/form-data" or not form.is_multipart() or form.defects:
            refuse(400, "Not a multipart form")
        parts = {p.get_param("name", header="content-disposition"): p for p in form.iter_parts()}
        path = parts["uploadPath"].get_content().strip() if "uploadPath" in parts else ""
        if not path or path.strip("/") != path:
            refuse(400, "Missing required parameter: uploadPath")
        if set(parts) - {"file", "uploadPath", "fileName"} or not parts.get("file") or not parts["file"].get_filename():
            refuse(400, "Missing required parameter: file")
        data, mime = parts["file"].get_payload(decode=True), parts["file"].get_content_type()
        name = parts["fileName"].get_content().strip() if "fileName" in parts else parts["file"].get_filename()
        url = f"{self.here(x)}/uploads/{path}/{name}"
        if url in self.uploads:
            refuse(500, "The stand-in takes no name twice: real ones would bring stale copies")
        self.uploads[url] = data, mime
        body = {"success": True, "code": 200, "msg": "File uploaded successfully", "data": {
            "fileName": name, "filePath": f"{path}/{name}", "downloadUrl": url, "fileSize": len(data), "mimeType": mime,
            "uploadedAt": "2026-11-20T10:00:00.000Z"}}
        return Answer(json.dumps(body).encode(), type="application/json")

    def give(self, x, token):
        if "Authorization" in x.headers:
            self.state.count(wrong_key=1)
            raise Refusal(400, b"<Error><Code>InvalidArgument</Code></Error>")
        task, data, mime = self.files.get(token) or (None, None, None)
        if not task or task.gone or (task.forbidden and x.query != f"sign={token[::-1]}"):
            raise Refusal(403 if task else 404, b"<Error><Code>AccessDenied</Code></Error>")
        return Answer(b"<html>hello</html>", type="text/html") if task.page else Answer(data, type=mime)

    def sign(self, x):
        url = self.read_json(x).get("url", "")
        m = re.fullmatch(re.escape(self.here(x)) + r"/files/(\w+)/[\w.-]+", url)
        if not m or m[1] not in self.files:
            refuse(422, "The url was not made here")
        return answer(200, "success", f"{url}?sign={m[1][::-1]}")

    # ---- tasks ----

    def limit(self):
        """Twenty new ones in ten seconds; the rest is dropped."""
        now = time.monotonic()
        with self.lock:
            self.created = [t for t in self.created if t > now - 10]
            if len(self.created) >= 20:
                refuse(429, "Your call frequency is too high", 429)
            self.created.append(now)

    def new_task(self, x, model, body, veo):
        self.limit()
        wrong = problems(model.fields, model.required, body, self)
        if wrong:
            refuse(422, "; ".join(f"{name}: {words}" for name, _, words, _ in wrong))
        task = Task(f"{'veo_' if veo else ''}task_{model.id.split('/')[0]}_{self.token()}", model, body, veo)
        self.tasks[task.id] = task
        x.prompt, x.task = body["prompt"], task
        self.make(x, task)
        return answer(200, "success", {"taskId": task.id}, paid=True)

    def create(self, x):
        body = self.read_json(x)
        if set(body) - {"model", "callBackUrl", "input"} or not isinstance(body.get("input"), dict):
            refuse(422, "The input cannot be null")
        if body.get("model") not in MODELS:
            refuse(422, "The model name you specified is not supported. Please verify it is correct.")
        return self.new_task(x, MODELS[body["model"]], body["input"], False)

    def veo(self, x):
        return self.new_task(x, VEO, self.read_json(x), True)

    def task_of(self, x, veo):
        id = urllib.parse.parse_qs(x.query).get("taskId", [""])[0]
        task = self.tasks.get(id)
        if not id:
            refuse(400, "taskId is required")
        if not task or task.lost or task.veo != veo:
            refuse(422, "recordInfo is null")
        if task.glitch and task.glitch.get("looks", 1) > 0:
            task.glitch["looks"] = task.glitch.get("looks", 1) - 1
            x.behaviour = task.glitch.get("as", {"do": "error", "status": 500})
            if x.behaviour["do"] == "error":
                refuse(x.behaviour["status"], "Server Error", x.behaviour.get("http", 200))
        task.looks += 1
        return task

    def record(self, x):
        task = self.task_of(x, False)
        state = "success" if task.looks > task.slow else ("waiting", "queuing", "generating")[min(task.looks - 1, 2)]
        if state == "success" and task.fail:
            state = "fail"
        data = {"taskId": task.id, "model": task.model.id, "state": state, "param": json.dumps({"input": task.body}),
                "resultJson": "", "failCode": "", "failMsg": "", "costTime": None, "createTime": 1698765400000}
        if state == "success":
            data.update(resultJson=json.dumps({"resultUrls": [] if task.no_result else task.urls}), costTime=15000)
        if state == "fail":
            data.update(failCode=str(task.fail.get("code", "501")), failMsg=task.fail.get("message", "Generation failed"))
        if task.credits is not None and state != "waiting":
            data["creditsConsumed"] = task.credits
        return answer(200, "success", data)

    def veo_record(self, x):
        task = self.task_of(x, True)
        done = task.looks > task.slow
        data = {"taskId": task.id, "paramJson": json.dumps(task.body), "successFlag": int(done), "response": None,
                "errorCode": None, "errorMessage": ""}
        if done and task.fail:
            data.update(successFlag=3, errorCode=task.fail.get("code", 501), errorMessage=task.fail.get("message", "Failed"))
        elif done:
            data["response"] = {"taskId": task.id, "resultUrls": [] if task.no_result else task.urls}
        return answer(200, "success", data)

    # ---- what it makes ----

    def media(self, task, i):
        seed = f"{task.model.id}{json.dumps(task.body, sort_keys=True)}{i}".encode()
        ratio = task.body.get("aspect_ratio", task.body.get("image_size", "16:9"))
        if task.model.makes == "image":
            a, b = (1, 1) if ratio == "auto" else map(int, ratio.split(":"))
            w, h = (round(math.sqrt(v) * 64) * 16 // self.options.shrink for v in (a / b, b / a))
            mime = {"jpeg": "image/jpeg"}.get(task.body.get("output_format"), "image/png")
            return picture(seed, w, h, mime), mime
        w, h = {"9:16": (180, 320), "1:1": (240, 240)}.get(ratio, (320, 180))
        seconds = int(task.body.get("duration", 8 if task.veo else 5))
        return clip(seconds, w, h, task.veo or task.body.get("sound", False), seed[-1]), "video/mp4"

    def make(self, x, task):
        task.urls = []
        x.made.clear()
        for i in range(task.count):
            data, mime = self.media(task, i)
            token = self.token()
            self.files[token] = task, data, mime
            task.urls.append(f"{self.here(x)}/files/{token}/out.{mime.split('/')[1]}")
            x.made.append(hashlib.blake2b(data, digest_size=32).hexdigest())

    # ---- misbehaviour ----

    def error_body(self, status, b, message):
        return json.dumps({"code": status, "msg": message or b.get("message", f"Error {status}"), "data": None}).encode()

    def broken_answer(self, x, b, good):
        do, task = b["do"], x.task
        if do == "code":
            return answer(b.get("code", 500), b.get("message", f"Error {b.get('code', 500)}"), status=b.get("status", 200))
        if do == "slow":
            task.slow = b.get("looks", 2)
        elif do in ("glitch", "fail"):
            setattr(task, do, dict(b))
        elif do == "credits":
            task.credits = b.get("credits", 55)
        elif do == "images":
            task.count = b.get("count", 2)
            self.make(x, task)
        elif do in self.kinds:
            setattr(task, {"lose": "lost"}.get(do, do), True)
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    server.add_options(parser)
    parser.add_argument("--small", dest="shrink", action="store_const", const=16, default=1,
                        help="pictures of a sixteenth of the width and height")
    options = parser.parse_args()
    server.run(Kie(options), options)


if __name__ == "__main__":
    main()
