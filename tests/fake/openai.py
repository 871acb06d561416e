#!/usr/bin/env python3
"""A strict fake of OpenAI's API: images, videos (as gateways still have them), texts, models.

    openai.py --port 0 [--small] [--videos] [--looks 2] [--local MODEL] [--key KEY]

Needs python3-pil and ffmpeg. Prints "PORT n" once it listens. What the service refuses is refused with
its own errors; what it takes is answered with real media of the asked size, shape and length.
--videos: /v1/videos is there (the service itself shut it down). --local MODEL: an Ollama with that one
model: no key (a key is refused), Chat Completions and the list only. server.py describes how to make it
misbehave. Behaviours of its own:
    moderated    400 moderation_blocked
    no_money     429 insufficient_quota
    by_address   an image's address in place of its bytes
    no_image     200 without data
    fail_video   code (default server_error): the video ends as failed
    slow_video   looks: how many before it is completed
    refusal      the model refuses, in its answer
    cut_text     the text ends at the limit
    words        text: this text, whatever was asked for
"""
import argparse
import base64
import collections
import hashlib
import json
import re
import secrets
import threading
import time

import openai_check as check
import server
from clips import clip
from gemini import of_schema
from openai_check import Bad
from pictures import picture
from server import Answer, Refusal

TEXT_MODELS = ("gpt-6-sol", "gpt-6-luna", "gpt-6-astra", "gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna",
               "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano")
MESSAGE = {401: "Incorrect API key provided.", 429: "Rate limit reached for requests per min.",
           500: "The server had an error while processing your request. Sorry about that!",
           503: "The server is currently overloaded with other requests."}


def error_json(message, type="invalid_request_error", code=None, param=None):
    return json.dumps({"error": {"message": message, "type": type, "param": param, "code": code}}).encode()


def refuse(status, message, type="invalid_request_error", code=None, param=None):
    raise Refusal(status, error_json(message, type, code, param))


def new_id(prefix):
    return prefix + secrets.token_hex(24)


class Made:
    """What a good answer is made of, for behaviours that spoil it."""

    def __init__(self, kind, body, **more):
        self.kind, self.body = kind, body
        self.__dict__.update(more)


class OpenAI:
    kinds = {"moderated", "no_money", "by_address", "no_image", "fail_video", "slow_video", "refusal", "cut_text",
             "words"}

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.videos = collections.OrderedDict()
        self.files = {}
        self.state = None  # the server's; set when it runs

    # ---- who and what ----

    def key_of(self, x):
        return x.headers.get("Authorization", "").removeprefix("Bearer ")

    def check_key(self, x):
        given = x.headers.get("Authorization")
        if self.options.local:
            if given is not None:
                self.state.count(wrong_key=1)
                refuse(401, "This server has no keys.", "authentication_error")
        elif given is None:
            refuse(401, "You didn't provide an API key. You need to provide your API key in an Authorization "
                        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).")
        elif given != "Bearer " + self.options.key:
            self.state.count(wrong_key=1)
            refuse(401, f"Incorrect API key provided: {given.removeprefix('Bearer ')}. You can find your API key at "
                        "https://platform.openai.com/account/api-keys.", code="invalid_api_key")

    def read_json(self, x):
        kind = x.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            refuse(400, f"Unsupported content type: '{kind}'. This API method only accepts 'application/json' requests, "
                        "but you specified the header 'Content-Type: " + kind + "'.")
        try:
            return json.loads(x.body.decode("utf-8"))
        except (ValueError, RecursionError):
            refuse(400, "We could not parse the JSON body of your request.")

    def no_model(self, name):
        if self.options.local:
            refuse(404, f'model "{name}" not found, try pulling it first', "api_error")
        refuse(404, f"The model `{name}` does not exist or you do not have access to it.", code="model_not_found",
               param="model")

    # ---- routes ----

    def routes(self):
        yield "GET", r"/v1/models", self.list_models
        yield "POST", r"/v1/chat/completions", self.chat
        if self.options.local:
            return
        yield "POST", r"/v1/images/generations", self.generate
        yield "POST", r"/v1/images/edits", self.edit
        yield "POST", r"/v1/responses", self.respond
        if self.options.videos:
            yield "POST", r"/v1/videos", self.create_video
            yield "GET", r"/v1/videos", self.list_videos
            yield "GET", r"/v1/videos/([^/]+)", self.look
            yield "GET", r"/v1/videos/([^/]+)/content", self.content
            yield "DELETE", r"/v1/videos/([^/]+)", self.delete

    def handle(self, x):
        m = re.fullmatch(r"/files/([0-9a-f]+)", x.path)
        if m and x.method == "GET":
            data, mime = self.files.get(m[1], (None, None))
            return Answer(data, type=mime) if data else refuse(404, "No such file.")
        for method, pattern, function in self.routes():
            m = re.fullmatch(pattern, x.path)
            if m and x.method == method:
                self.check_key(x)
                try:
                    return function(x, *m.groups())
                except Bad as e:
                    refuse(400, e.message, code=e.code, param=e.param)
        if self.options.local:
            raise Refusal(404, b"404 page not found")
        refuse(404, f"Invalid URL ({x.method} {x.path})")

    def error_body(self, status, b, message):
        kind = {429: "requests", 401: "invalid_request_error"}.get(status, "server_error" if status >= 500 else
                                                                  "invalid_request_error")
        code = {429: "rate_limit_exceeded", 401: "invalid_api_key"}.get(status)
        return error_json(b.get("message") or message or MESSAGE.get(status, "No."), kind, b.get("code", code))

    def answer(self, body, paid=True, media_at=None):
        return Answer(json.dumps(body).encode(), paid=paid, media_at=media_at, type="application/json",
                      headers=[("x-request-id", new_id("req_")), ("openai-version", "2020-10-01")])

    # ---- models ----

    def list_models(self, x):
        ids = [self.options.local] if self.options.local else [*check.IMAGE_MODELS, *TEXT_MODELS]
        return self.answer({"object": "list", "data": [
            {"id": i, "object": "model", "created": 1780000000, "owned_by": "system",
             "shutdown_date": "2026-12-01" if i.startswith("gpt-image-1") else None} for i in ids]}, paid=False)

    # ---- images ----

    def image_model(self, body):
        name = body.get("model") if isinstance(body, dict) else None
        check.require(isinstance(name, str), "Missing required parameter: 'model'.", "model", "missing_required_parameter")
        return check.IMAGE_MODELS.get(name) or self.no_model(name)

    def generate(self, x):
        body = self.read_json(x)
        model = self.image_model(body)
        return self.images(x, model, check.image_body(body, model, check.IMAGE_FIELDS), [])

    def edit(self, x):
        parts = check.form(x.headers.get("Content-Type", ""), x.body)
        model = self.image_model(dict(p for p in parts if isinstance(p[1], str)))
        return self.images(x, model, *check.edit_form(parts, model))

    def images(self, x, model, body, given):
        x.prompt = body["prompt"]
        w, h = check.image_size(model, body)
        mime = "image/" + body.get("output_format", "png")
        size = [max(8, s // self.options.shrink) for s in (w, h)]
        seed = hashlib.sha256(x.body + b"".join(f.data for f in given)).digest() + secrets.token_bytes(8)
        made = [picture(seed + bytes([i]), *size, mime) for i in range(body.get("n", 1))]
        x.made = [hashlib.blake2b(m, digest_size=32).hexdigest() for m in made]
        quality = {"low": 0, "medium": 1}.get(body.get("quality"), 2)
        out, text = model.tokens[quality] * len(made), max(1, len(body["prompt"]) // 4)
        reply = {"created": int(time.time()), "background": body.get("background", "opaque"),
                 "output_format": body.get("output_format", "png"), "quality": body.get("quality", "high"),
                 "size": f"{w}x{h}", "data": [{"b64_json": base64.b64encode(m).decode()} for m in made],
                 "usage": {"input_tokens": text + 500 * len(given), "output_tokens": out,
                           "input_tokens_details": {"text_tokens": text, "image_tokens": 500 * len(given)},
                           "total_tokens": text + 500 * len(given) + out}}
        x.generation = Made("image", reply, mime=mime, media=made, host=x.headers.get("Host"))
        at = json.dumps(reply).find('"b64_json": "')
        return self.answer(reply, media_at=at + 13)

    # ---- videos ----

    def create_video(self, x):
        body, picture_given = check.video_form(check.form(x.headers.get("Content-Type", ""), x.body))
        x.prompt = body["prompt"]
        video = {"id": new_id("video_"), "object": "video", "status": "queued", "progress": 0,
                 "created_at": int(time.time()), "completed_at": None, "expires_at": None, "model": body["model"],
                 "prompt": body["prompt"], "seconds": body["seconds"], "size": body["size"],
                 "remixed_from_video_id": None, "error": None}
        w, h = (int(s) // 4 for s in body["size"].split("x"))
        data = clip(int(body["seconds"]), w, h)
        x.made = [hashlib.blake2b(data, digest_size=32).hexdigest()]
        with self.lock:
            self.videos[video["id"]] = {"video": video, "data": data, "looks": self.options.looks, "fails": None}
        x.generation = Made("video", video)
        return self.answer(video)

    def video(self, id):
        return self.videos.get(id) or refuse(404, f"Video with id '{id}' not found.", code=None, param="id")

    def look(self, x, id):
        with self.lock:
            row = self.video(id)
            video = row["video"]
            row["looks"] -= 1
            if row["looks"] <= 0 and row["fails"]:
                video.update(status="failed", error={"code": row["fails"], "message": "The video could not be made."})
            elif row["looks"] <= 0:
                video.update(status="completed", progress=100, completed_at=int(time.time()),
                             expires_at=int(time.time()) + 3600)
            else:
                video.update(status="in_progress", progress=min(95, video["progress"] + 20))
            return self.answer(dict(video), paid=False)

    def content(self, x, id):
        row = self.video(id)
        if row["video"]["status"] != "completed":
            refuse(400, "Video is not ready yet, use GET /v1/videos/{video_id} to check status.")
        return Answer(row["data"], type="video/mp4")

    def delete(self, x, id):
        with self.lock:
            self.video(id)
            del self.videos[id]
        return self.answer({"id": id, "object": "video.deleted", "deleted": True}, paid=False)

    def list_videos(self, x):
        rows = [r["video"] for r in reversed(self.videos.values())]
        return self.answer({"object": "list", "data": rows, "has_more": False}, paid=False)

    # ---- texts ----

    def text_model(self, body):
        name = body.get("model") if isinstance(body, dict) else None
        check.require(isinstance(name, str), "you must provide a model parameter", None, None)
        if name not in ([self.options.local] if self.options.local else TEXT_MODELS):
            self.no_model(name)
        return name

    def words(self, x, schema, read):
        text = "An answer to: " + read[-1][:200]
        if schema is not None:
            text = json.dumps(of_schema(schema))
        x.made = [hashlib.blake2b(text.encode(), digest_size=32).hexdigest()]
        return text

    def respond(self, x):
        raw = self.read_json(x)
        name = self.text_model(raw)
        body, schema, read = check.response_body(raw, True, False)
        x.prompt = read[-1]
        x.generation = Made("response", body, model=name, read=read)
        return self.answer(self.response(x.generation, self.words(x, schema, read)))

    def response(self, g, text, status="completed", refusal=None, why=None):
        part = {"type": "refusal", "refusal": refusal} if refusal else \
            {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        used = sum(len(t) for t in g.read) // 4 + 10
        return {"id": new_id("resp_"), "object": "response", "created_at": int(time.time()), "status": status,
                "error": None, "incomplete_details": {"reason": why} if why else None, "model": g.model,
                "output": [{"id": new_id("rs_"), "type": "reasoning", "summary": []},
                           {"id": new_id("msg_"), "type": "message", "status": "completed", "role": "assistant",
                            "content": [part]}],
                "usage": {"input_tokens": used, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                          "output_tokens": len(text) // 4 + 20, "output_tokens_details": {"reasoning_tokens": 10},
                          "total_tokens": used + len(text) // 4 + 20}}

    def chat(self, x):
        raw = self.read_json(x)
        name = self.text_model(raw)
        local = bool(self.options.local)
        body, schema, read = check.chat_body(raw, not local, local)
        x.prompt = read[-1]
        x.generation = Made("chat", body, model=name, read=read)
        return self.answer(self.completion(x.generation, self.words(x, schema, read)), paid=not local)

    def completion(self, g, text, finish="stop", refusal=None):
        used = sum(len(t) for t in g.read) // 4 + 10
        return {"id": new_id("chatcmpl-"), "object": "chat.completion", "created": int(time.time()), "model": g.model,
                "choices": [{"index": 0, "message": {"role": "assistant", "content": None if refusal else text,
                                                     "refusal": refusal}, "finish_reason": finish}],
                "usage": {"prompt_tokens": used, "completion_tokens": len(text) // 4 + 1,
                          "total_tokens": used + len(text) // 4 + 1}}

    # ---- behaviours ----

    def broken_answer(self, x, b, answer):
        make = getattr(self, "make_" + b["do"], None)
        return make(x.generation, b, answer) if make else None

    def make_moderated(self, g, b, answer):
        self.forget(g)
        return Answer(error_json("Your request was rejected by the safety system.", "image_generation_user_error",
                                 "moderation_blocked"), 400)

    def make_no_money(self, g, b, answer):
        self.forget(g)
        return Answer(error_json("You exceeded your current quota, please check your plan and billing details.",
                                 "insufficient_quota", "insufficient_quota"), 429)

    def forget(self, g):
        if g.kind == "video":
            self.videos.pop(g.body["id"], None)

    def make_by_address(self, g, b, answer):
        name = secrets.token_hex(8)
        self.files[name] = g.media[0], g.mime
        return self.answer({**g.body, "data": [{"url": f"http://{g.host}/files/{name}"}]})

    def make_no_image(self, g, b, answer):
        return self.answer({**g.body, "data": []})

    def make_fail_video(self, g, b, answer):
        self.videos[g.body["id"]]["fails"] = b.get("code", "server_error")

    def make_slow_video(self, g, b, answer):
        self.videos[g.body["id"]]["looks"] = b.get("looks", 1000000)

    def make_refusal(self, g, b, answer):
        said = "I'm sorry, but I cannot help with that."
        return self.answer(self.completion(g, "", refusal=said) if g.kind == "chat" else
                           self.response(g, "", refusal=said))

    def make_cut_text(self, g, b, answer):
        text = b.get("text", "It was a dark and")
        return self.answer(self.completion(g, text, "length") if g.kind == "chat" else
                           self.response(g, text, "incomplete", why="max_output_tokens"))

    def make_words(self, g, b, answer):
        return self.answer(self.completion(g, b["text"]) if g.kind == "chat" else self.response(g, b["text"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    server.add_options(parser)
    parser.add_argument("--small", dest="shrink", action="store_const", const=16, default=1,
                        help="pictures of a sixteenth of the width and height")
    parser.add_argument("--videos", action="store_true", help="a gateway that still has /v1/videos")
    parser.add_argument("--looks", type=int, default=2, help="looks until a video is completed")
    parser.add_argument("--local", metavar="MODEL", help="a local text server with this model and no key")
    options = parser.parse_args()
    server.run(OpenAI(options), options)


if __name__ == "__main__":
    main()
