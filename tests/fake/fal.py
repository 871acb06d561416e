#!/usr/bin/env python3
"""A strict fake of fal.ai: its queue, its storage and the hosts of files, all on one port.

    fal.py --port 0 [--small] [--latency 0.5] [--key KEY]

Needs python3-pil and ffmpeg. A wrong input is told where fal tells it: at the result. Uploads and files must not be
sent the key. server.py describes how to make it misbehave; the behaviours below go with the request that
makes the job, and show later:
    slow      queue, run: how many looks find it in the queue, then at work (with the steps in its logs)
    glitch    looks: so many looks fail first; as: any behaviour of server.py, default {"do": "error", "status": 503}
    images    count: several pictures in one answer
    nsfw      flags: has_nsfw_concepts, default all true
    fail      status (default 500), type, message, error_type, retryable: what the result answers
    lose      the job is forgotten once it was made
    gone      its files are not given out
    no_file   an output that names no file
    page      its files are pages of HTML
    keep      cancelling comes too late
"""
import argparse
import hashlib
import json
import math
import re
import threading

import server
from clips import clip, sound
from fields import (anything, flag, image, integer, list_of, number, one_of, problems, text)
from pictures import picture
from server import Answer, Refusal

NAMED = {"square_hd": (1024, 1024), "square": (512, 512), "portrait_4_3": (768, 1024), "portrait_16_9": (576, 1024),
         "landscape_4_3": (1024, 768), "landscape_16_9": (1024, 576)}
RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")
MIMES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


def image_size(v, service):
    if isinstance(v, dict):
        good = set(v) == {"width", "height"} and all(isinstance(x, int) and 256 <= x <= 8192 for x in v.values())
    else:
        good = v in NAMED
    return None if good else ("literal_error", "Input should be a size", {})


class Model:
    """One endpoint: the fields it takes, what it makes."""

    def __init__(self, id, makes, required=("prompt",), seconds=0, mime="image/jpeg", out=None, **fields):
        self.id, self.makes, self.required, self.seconds, self.mime = id, makes, required, seconds, mime
        self.out = out or {"image": "images", "video": "video", "audio": "audio"}[makes]
        self.fields = {"prompt" if "text" not in fields else "text": text(), **fields}


FLUX = dict(image_size=image_size, guidance_scale=number(1, 20), num_images=integer(1, 4), seed=integer(0),
            output_format=one_of("jpeg", "png"), enable_safety_checker=flag, sync_mode=flag,
            acceleration=one_of("none", "regular", "high"))
BANANA = dict(num_images=integer(1, 4), aspect_ratio=one_of(*RATIOS), output_format=one_of("png", "jpeg", "webp"))
BANANA_PRO = dict(BANANA, resolution=one_of("1K", "2K", "4K"))
KLING = dict(duration=one_of("5", "10"), negative_prompt=text(2500, 0), cfg_scale=number(0, 1))
VEO = dict(duration=one_of("4s", "6s", "8s"), resolution=one_of("720p", "1080p"), generate_audio=flag)
WIDE = one_of("16:9", "9:16", "1:1")

MODELS = {m.id: m for m in (
    Model("fal-ai/flux/dev", "image", num_inference_steps=integer(1, 50), **FLUX),
    Model("fal-ai/flux/schnell", "image", num_inference_steps=integer(1, 12), **FLUX),
    Model("fal-ai/flux/dev/image-to-image", "image", ("prompt", "image_url"), image_url=image(), strength=number(0, 1),
          num_inference_steps=integer(1, 50), **{k: v for k, v in FLUX.items() if k != "image_size"}),
    Model("fal-ai/nano-banana", "image", mime="image/png", **BANANA),
    Model("fal-ai/nano-banana/edit", "image", ("prompt", "image_urls"), mime="image/png",
          image_urls=list_of(image(), 10), **BANANA),
    Model("fal-ai/nano-banana-pro", "image", mime="image/png", **BANANA_PRO),
    Model("fal-ai/nano-banana-pro/edit", "image", ("prompt", "image_urls"), mime="image/png",
          image_urls=list_of(image(), 14), **BANANA_PRO),
    Model("fal-ai/kling-video/v2.5-turbo/pro/text-to-video", "video", seconds=5, aspect_ratio=WIDE, **KLING),
    Model("fal-ai/kling-video/v2.5-turbo/pro/image-to-video", "video", ("prompt", "image_url"), seconds=5,
          image_url=image(), tail_image_url=image(), **KLING),
    Model("fal-ai/veo3.1", "video", seconds=8, aspect_ratio=one_of("16:9", "9:16"), negative_prompt=text(None, 0),
          seed=integer(0), **VEO),
    Model("fal-ai/veo3.1/first-last-frame-to-video", "video", ("prompt", "first_frame_url", "last_frame_url"), seconds=8,
          first_frame_url=image(), last_frame_url=image(), aspect_ratio=one_of("auto", "16:9", "9:16", "1:1"), **VEO),
    Model("google/gemini-omni-flash", "video", seconds=5, duration=integer(3, 10), aspect_ratio=one_of(*RATIOS)),
    Model("fal-ai/elevenlabs/tts/eleven-v3", "audio", ("text",), seconds=2, text=text(5000), voice=text(),
          stability=number(0, 1), similarity_boost=number(0, 1), style=number(0, 1), speed=number(0.7, 1.2),
          timestamps=flag, language_code=text()),
    Model("fal-ai/elevenlabs/sound-effects/v2", "audio", ("text",), seconds=3, text=text(), prompt_influence=number(0, 1),
          duration_seconds=number(0.5, 22), output_format=text(), loop=flag),
    # Stands for all that no table knows; takes anything, answers under a name of its own.
    Model("someone/new-model/v9", "video", seconds=4, out="clips", duration=anything, image_url=image(),
          end_image_url=image(), **{k: anything for k in ("negative_prompt", "seed", "aspect_ratio", "resolution",
                                                          "num_inference_steps", "guidance_scale", "camera")}))}
APPS = {"/".join(m.split("/")[:2]) for m in MODELS}


def answer(value, status=200, headers=(), **more):
    return Answer(json.dumps(value).encode(), status, headers, type="application/json", **more)


def refuse(status, detail, **more):
    raise Refusal(status, json.dumps({"detail": detail, **more}).encode(), [("Content-Type-Options", "nosniff")])


class Job:
    def __init__(self, id, model, body, wrong):
        self.id, self.model, self.body, self.wrong = id, model, body, wrong
        self.app = "/".join(model.id.split("/")[:2])
        self.queue = self.run = self.looks = self.total = 0
        self.count, self.flags, self.fail, self.glitch = 1, None, None, None
        self.lost = self.gone = self.no_file = self.page = self.keep = self.cancelled = False
        self.files = []


class Fal:
    name = "fal"
    kinds = {"slow", "glitch", "images", "nsfw", "fail", "lose", "gone", "no_file", "page", "keep"}

    def __init__(self, options):
        self.options, self.key = options, options.key
        self.lock = threading.Lock()
        self.jobs, self.pending, self.uploads, self.files = {}, {}, {}, {}
        self.made = 0

    # ---- who asks ----

    def key_of(self, x):
        return x.headers.get("Authorization", "").removeprefix("Key ")

    def check_key(self, x):
        if not x.headers.get("Authorization", "").startswith("Key "):
            refuse(401, "Authentication is required to access this application.")
        if self.key_of(x) != self.key:
            self.state.count(wrong_key=1)
            refuse(401, "Invalid key credentials.")

    def no_key(self, x):
        if "Authorization" in x.headers:
            self.state.count(wrong_key=1)
            raise Refusal(400, b"<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>")

    def read_json(self, x):
        if x.headers.get("Content-Type", "").split(";")[0] != "application/json":
            refuse(415, "Unsupported media type")
        try:
            body = json.loads(x.body)
        except ValueError as e:
            refuse(422, [{"loc": ["body"], "msg": f"JSON decode error: {e}", "type": "json_invalid"}])
        if not isinstance(body, dict):
            refuse(422, [{"loc": ["body"], "msg": "Input should be an object", "type": "dict_type"}])
        return body

    def here(self, x):
        return "http://" + x.headers["Host"]

    def token(self):
        with self.lock:
            self.made += 1
            return hashlib.sha256(f"{self.made}".encode()).hexdigest()[:20]

    # ---- routes ----

    def handle(self, x):
        for method, pattern, function in (
                ("POST", r"/storage/upload/initiate", self.initiate), ("PUT", r"/upload/(\w+)/(.+)", self.upload),
                ("GET", r"/files/(\w+)/.+", self.give),
                ("GET", r"/(.+)/requests/([\w-]+)/status", self.status),
                ("PUT", r"/(.+)/requests/([\w-]+)/cancel", self.cancel),
                ("GET", r"/(.+)/requests/([\w-]+)", self.result), ("POST", r"/([\w.-]+/[\w./-]+)", self.submit)):
            m = re.fullmatch(pattern, x.path)
            if m and x.method == method:
                return function(x, *m.groups())
        refuse(405, "Method Not Allowed")

    # ---- storage ----

    def initiate(self, x):
        self.check_key(x)
        body = self.read_json(x)
        if x.query != "storage_type=fal-cdn-v3" or set(body) != {"content_type", "file_name"}:
            refuse(422, [{"loc": ["body"], "msg": "Field required", "type": "missing"}])
        token, name = self.token(), re.sub(r"[^\w.-]", "_", body["file_name"])
        self.pending[token] = body["content_type"]
        return answer({"upload_url": f"{self.here(x)}/upload/{token}/{name}?sig={token[::-1]}",
                       "file_url": f"{self.here(x)}/files/{token}/{name}"})

    def upload(self, x, token, name):
        self.no_key(x)
        if x.query != f"sig={token[::-1]}" or self.pending.get(token) != x.headers.get("Content-Type"):
            raise Refusal(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
        self.uploads[f"{self.here(x)}/files/{token}/{name}"] = x.body, self.pending.pop(token)
        return Answer(b"")

    def give(self, x, token):
        self.no_key(x)
        if token not in self.files:
            raise Refusal(404, b"Not found")
        job, data, mime = self.files[token]
        if job.gone:
            raise Refusal(404, b"Not found")
        return Answer(b"<html>hello</html>", type="text/html") if job.page else Answer(data, type=mime)

    # ---- the queue ----

    def submit(self, x, id):
        self.check_key(x)
        if id not in MODELS:
            refuse(404, f"Application \"{id}\" not found" if "/".join(id.split("/")[:2]) not in APPS else
                   f"Path /{'/'.join(id.split('/')[2:])} not found")
        body = self.read_json(x)
        model = MODELS[id]
        wrong = [{"loc": ["body", name], "msg": words, "type": kind, "ctx": context, "input": body.get(name)}
                 for name, kind, words, context in problems(model.fields, model.required, body, self)]
        token = self.token()
        job = Job(f"{token[:8]}-{token[8:12]}-4abc-8abc-{token:0<12.12}", model, body, wrong)
        self.jobs[job.id] = job
        x.prompt, x.job = str(body.get("prompt", body.get("text", ""))), job
        if not wrong:
            self.make(x, job)
        return self.accepted(x, job)

    def accepted(self, x, job):
        url = f"{self.here(x)}/{job.app}/requests/{job.id}"
        return answer({"status": "IN_QUEUE", "request_id": job.id, "response_url": url, "status_url": url + "/status",
                       "cancel_url": url + "/cancel", "queue_position": job.queue},
                      headers=[("X-Fal-Request-Id", job.id)], paid=not job.wrong)

    def job_of(self, x, app, id):
        self.check_key(x)
        job = self.jobs.get(id)
        if app not in APPS:
            refuse(405, "Method Not Allowed")
        if not job or job.lost or job.app != app:
            refuse(404, "Request not found")
        return job

    def status(self, x, app, id):
        job = self.job_of(x, app, id)
        if job.glitch and job.glitch.get("looks", 1) > 0:
            job.glitch["looks"] = job.glitch.get("looks", 1) - 1
            x.behaviour = job.glitch.get("as", {"do": "error", "status": 503})
            if x.behaviour["do"] == "error":
                raise Refusal(x.behaviour["status"], b"<h1>Service Unavailable</h1>")
        job.looks += 1
        out = {"request_id": id, "response_url": f"{self.here(x)}/{app}/requests/{id}"}
        if job.looks <= job.queue and not job.cancelled:
            return answer({"status": "IN_QUEUE", "queue_position": job.queue - job.looks, **out}, 202)
        if job.looks <= job.queue + job.run and not job.cancelled:
            percent = 100 * (job.looks - job.queue) // (job.run + 1)
            return answer({"status": "IN_PROGRESS", "logs": [{"message": f"{percent:3}%|###   | {percent}/100"}], **out}, 202)
        if job.cancelled:
            out.update(error="Request was cancelled", error_type="request_cancelled")
        return answer({"status": "COMPLETED", "logs": [], "metrics": {"inference_time": 0.1}, **out})

    def result(self, x, app, id):
        job = self.job_of(x, app, id)
        if job.looks <= job.queue + job.run and not job.cancelled:
            refuse(400, "Request is still in progress")
        if job.cancelled:
            refuse(499, "Request was cancelled", error_type="request_cancelled")
        if job.fail:
            return self.failure(job.fail)
        if job.wrong:
            return answer({"detail": job.wrong}, 422, [("X-Fal-Retryable", "false")])
        return answer(self.output(job), headers=[("X-Fal-Request-Id", id)])

    def failure(self, b):
        headers = [("X-Fal-Retryable", b["retryable"])] if "retryable" in b else []
        words = b.get("message", "Something went wrong")
        if "error_type" in b:
            return answer({"detail": words, "error_type": b["error_type"]}, b.get("status", 500), headers)
        kind = b.get("type", "internal_server_error")
        return answer({"detail": [{"loc": ["body"], "msg": words, "type": kind}]}, b.get("status", 500), headers)

    def cancel(self, x, app, id):
        job = self.job_of(x, app, id)
        if job.keep or job.looks > job.queue + job.run:
            return answer({"status": "ALREADY_COMPLETED"}, 400)
        job.cancelled = True
        return answer({"status": "OK"}) if job.looks < job.queue else answer({"status": "CANCELLATION_REQUESTED"}, 202)

    # ---- what it makes ----

    def pixels(self, job):
        size, ratio = job.body.get("image_size", "landscape_4_3"), job.body.get("aspect_ratio")
        if ratio in (None, "auto"):
            w, h = NAMED[size] if isinstance(size, str) else (size["width"], size["height"])
        else:
            a, b = map(int, ratio.split(":"))
            w, h = (round(math.sqrt(v) * 64) * 16 for v in (a / b, b / a))
        scale = {"2K": 2, "4K": 4}.get(job.body.get("resolution"), 1)
        return w * scale // self.options.shrink, h * scale // self.options.shrink

    def media(self, job, i):
        seed = f"{job.model.id}{json.dumps(job.body, sort_keys=True)}{i}".encode()
        said = job.body.get("duration", job.body.get("duration_seconds", job.model.seconds))
        seconds = float(str(said).removesuffix("s"))
        if job.model.makes == "image":
            mime = MIMES.get(job.body.get("output_format"), job.model.mime)
            return picture(seed, *self.pixels(job), mime), mime
        if job.model.makes == "video":
            w, h = {"9:16": (180, 320), "1:1": (240, 240)}.get(job.body.get("aspect_ratio"), (320, 180))
            return clip(seconds, w, h, job.body.get("generate_audio", True), seed[-1]), "video/mp4"
        return sound(seconds, "mp3", seed[-1]), "audio/mpeg"

    def make(self, x, job):
        job.files = []
        x.made.clear()
        for i in range(job.count):
            data, mime = self.media(job, i)
            token = self.token()
            self.files[token] = job, data, mime
            ext = {"image/jpeg": "jpg", "audio/mpeg": "mp3"}.get(mime, mime.split("/")[1])
            job.files.append({"url": f"{self.here(x)}/files/{token}/out.{ext}", "content_type": mime,
                              "file_name": f"out.{ext}", "file_size": len(data)})
            x.made.append(hashlib.blake2b(data, digest_size=32).hexdigest())

    def output(self, job):
        out = {job.model.out: job.files if job.model.out in ("images", "clips") else job.files[0]}
        if job.no_file:
            out = {job.model.out: [], "error": "nothing came of it"}
        if "num_inference_steps" in job.model.fields:
            w, h = self.pixels(job)
            for f in job.files:
                f.update(width=w, height=h)
            out.update(seed=job.body.get("seed", 42), prompt=job.body["prompt"], timings={"inference": 0.1},
                       has_nsfw_concepts=job.flags or [False] * len(job.files))
        elif job.model.makes == "image":
            out["description"] = "Here it is."
        return out

    # ---- misbehaviour ----

    def error_body(self, status, b, message):
        return json.dumps({"detail": message or b.get("message", f"Error {status}")}).encode()

    def broken_answer(self, x, b, good):
        do, job = b["do"], x.job
        if do == "slow":
            job.queue, job.run = b.get("queue", 1), b.get("run", 1)
        elif do in ("glitch", "fail"):
            setattr(job, do, dict(b))
        elif do == "images":
            job.count = b.get("count", 2)
            self.make(x, job)
        elif do == "nsfw":
            job.count = len(b.get("flags", [True]))
            job.flags = b.get("flags", [True])
            self.make(x, job)
        elif do in self.kinds:
            setattr(job, {"lose": "lost"}.get(do, do), True)
        else:
            return None
        return self.accepted(x, job)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    server.add_options(parser)
    parser.add_argument("--small", dest="shrink", action="store_const", const=16, default=1,
                        help="pictures of a sixteenth of the width and height")
    options = parser.parse_args()
    server.run(Fal(options), options)


if __name__ == "__main__":
    main()
