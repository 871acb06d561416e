#!/usr/bin/env python3
"""A strict fake of Google's generativelanguage API, and of Vertex: models, generateContent, interactions,
operations, predict, files, batches.

    gemini.py --port 0 [--small] [--alive] [--looks 1] [--latency 0.5] [--error-rate 0.1 --seed 7] [--key KEY]

Needs python3-pil, ffmpeg. Prints "PORT n" once it listens. What the service refuses is refused with its own
errors; what it takes is answered with real pictures and clips, a quarter as wide and high as asked for. server.py
describes how to make it misbehave and how to look at what it was asked. Behaviours of its own (gemini_jobs.py and
gemini_batch.py tell those of long jobs):
    refuse       reason (promptFeedback.blockReason, default SAFETY); not billed
    finish       reason (finishReason, default NO_IMAGE), text, message: no picture; billed
    thoughts     thought parts with a draft picture, asked for or not
    pictures     count: several pictures in one answer
    text_after   a text part behind the picture too
    half_base64  the base64 ends in the middle of a group
    bad_base64   a character in it that is none
    half_picture whole base64 of half a picture
    fake_type    text (default: an SVG), mime (default image/png): other bytes in place of the picture
    no_parts     a candidate without content
"""
import argparse
import base64
import collections
import hashlib
import json
import re
import threading
import urllib.parse

import server
from gemini_batch import Batch, Batches
from gemini_check import Invalid, check
from gemini_files import Files
from gemini_jobs import Imagen, Interactions, Job, Operations
from gemini_words import MESSAGE, RPC, error_json, quota_details, refuse
from pictures import picture
from server import Answer, Refusal

RATIOS = {"1:1": (1024, 1024), "2:3": (848, 1264), "3:2": (1264, 848), "3:4": (896, 1200),
          "4:3": (1200, 896), "4:5": (928, 1152), "5:4": (1152, 928), "9:16": (768, 1376),
          "16:9": (1376, 768), "21:9": (1584, 672)}
WIDE_RATIOS = {**RATIOS, "1:4": (512, 2064), "4:1": (2064, 512), "1:8": (352, 2928),
               "8:1": (2928, 352)}
OLD_RATIOS = {"1:1": (1024, 1024), "2:3": (832, 1248), "3:2": (1248, 832), "3:4": (864, 1184),
              "4:3": (1184, 864), "4:5": (896, 1152), "5:4": (1152, 896), "9:16": (768, 1344),
              "16:9": (1344, 768), "21:9": (1536, 672)}
SCALE = {"512": 0.5, "1K": 1, "2K": 2, "4K": 4}


class Model:
    """tokens: of one picture, by size. A text model has no ratios."""

    def __init__(self, name, ratios=None, tokens=None, mime="image/jpeg", references=14,
                 thinks=True):
        self.name, self.ratios, self.tokens = name, ratios or {}, tokens or {}
        self.sizes, self.mime, self.references, self.thinks = list(self.tokens), mime, references, thinks
        self.makes_images = bool(ratios)


MODELS = {m.name: m for m in (
    Model("gemini-nano-banana-2.1", WIDE_RATIOS, {"1K": 1120, "2K": 1680, "4K": 3760}),
    Model("gemini-3-pro-image", RATIOS, {"1K": 1120, "2K": 1120, "4K": 2000}),
    Model("gemini-3.1-flash-lite-image", RATIOS, {"1K": 1120}),
    Model("gemini-2.5-flash-image", OLD_RATIOS, {"1K": 1290}, mime="image/png", references=3,
          thinks=False),
    Model("gemini-3.8-flash"), Model("gemini-3.5-flash"), Model("gemini-3.5-flash-lite"),
    Model("gemini-3.1-pro-preview"))}
# The service says that Omni models do generateContent, and then refuses it.
OTHERS = {"gemini-omni-1.2-flash": ["generateContent", "countTokens"],
          "gemini-omni-1.1-flash": ["generateContent", "countTokens"],
          "gemini-embedding-2": ["embedContent"], "gemini-3.8-flash-tts": ["generateContent"]}
RETIRED = re.compile(r"imagen-4\.0-.*|veo-(2\.0|3\.0|3\.1)-.*|gemini-3\.1-flash-image.*"
                     r"|gemini-2\.5-(flash|pro|flash-lite)")
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def of_schema(schema, depth=0):
    """The plainest value that a JSON schema takes."""
    if "const" in schema or schema.get("enum"):
        return schema.get("const", (schema.get("enum") or [None])[0])
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = (kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        return {k: of_schema(v, depth + 1) for k, v in schema.get("properties", {}).items()}
    if kind == "array":
        return [of_schema(schema.get("items", {}), depth + 1)] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 7), min(7, schema.get("maximum", 7)))
    return {"boolean": True, "null": None}.get(kind, "A plain answer.")


class Generation:
    """A good answer to one checked request."""

    def __init__(self, model, request, seed_bytes, shrink):
        self.model, self.seed_bytes, self.shrink = model, seed_bytes, shrink
        self.config = request.get("generationConfig", {})
        self.contents = request["contents"]
        self.asked = self.config.get("responseModalities",
                                     ["TEXT", "IMAGE"] if model.makes_images else ["TEXT"])
        self.pictures = int(model.makes_images and "IMAGE" in self.asked)
        self.thoughts = self.config.get("thinkingConfig", {}).get("includeThoughts", False)
        self.text_after = False
        self.made = []

    def size(self):
        image = self.config.get("imageConfig", {})
        w, h = self.model.ratios[image.get("aspectRatio", "1:1")]
        scale = SCALE[image.get("imageSize", "1K")]
        return [max(8, int(x * scale) // self.shrink) for x in (w, h)]

    def draw(self, what, mime=None):
        return picture(self.seed_bytes + what.encode(), *self.size(), mime or self.model.mime)

    def blob(self, data, mime):
        return {"inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()}}

    def words(self):
        if self.config.get("responseMimeType") == "application/json":
            schema = self.config.get("responseJsonSchema") or self.config.get("responseSchema") or {}
            return json.dumps(of_schema(schema))
        if self.model.makes_images:
            return "Here is the picture."
        return "An answer to: " + " ".join(p["text"] for p in self.contents[-1]["parts"]
                                           if "text" in p)[:200]

    def parts(self):
        out = []
        if self.thoughts and self.model.thinks:
            out.append({"text": "**Planning**\n\nA draft comes first.", "thought": True})
            if self.pictures:
                out.append({**self.blob(self.draw("draft"), self.model.mime), "thought": True})
        if "TEXT" in self.asked:
            out.append({"text": self.words()})
        for i in range(self.pictures):
            final = self.draw(f"final{i}")
            self.made.append(hashlib.blake2b(final, digest_size=32).hexdigest())
            out.append(self.blob(final, self.model.mime))
        if self.text_after:
            out.append({"text": "I hope that you like it."})
        if self.model.thinks and out:
            out[-1 - self.text_after]["thoughtSignature"] = base64.b64encode(
                hashlib.sha512(self.seed_bytes).digest()).decode()
        return out

    def usage(self, pictures):
        text = sum(len(p.get("text", "")) for c in self.contents for p in c["parts"])
        images = sum("inlineData" in p or "fileData" in p for c in self.contents for p in c["parts"])
        size = self.config.get("imageConfig", {}).get("imageSize", "1K")
        prompt, made = max(1, text // 4), pictures * self.model.tokens.get(size, 0)
        details = [{"modality": "TEXT", "tokenCount": prompt}]
        if images:
            details.append({"modality": "IMAGE", "tokenCount": 258 * images})
        words, thoughts = 5, 180 if self.model.thinks else 0
        out = {"promptTokenCount": prompt + 258 * images, "candidatesTokenCount": made + words,
               "totalTokenCount": prompt + 258 * images + made + words + thoughts,
               "promptTokensDetails": details}
        if made:
            out["candidatesTokensDetails"] = [{"modality": "IMAGE", "tokenCount": made}]
        if thoughts:
            out["thoughtsTokenCount"] = thoughts
        return out

    def answer(self, candidate=None, pictures=None, **more):
        candidate = candidate or {"content": {"parts": self.parts(), "role": "model"},
                                  "finishReason": "STOP", "index": 0}
        body = {"candidates": [candidate],
                "usageMetadata": self.usage(self.pictures if pictures is None else pictures),
                "modelVersion": self.model.name,
                "responseId": hashlib.sha256(self.seed_bytes).hexdigest()[:22], **more}
        text = json.dumps(body, indent=2).encode()
        at = text.rfind(b'"data": "')
        return Answer(text, paid=True, chunked=True, media_at=at + 9 if at >= 0 else None)


class Gemini:
    kinds = {"refuse", "finish", "thoughts", "pictures", "text_after", "half_base64", "bad_base64",
             "half_picture", "fake_type", "no_parts"} | Job.kinds | Batch.kinds

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.seen = collections.Counter()
        self.state = None  # the server's; set when it runs
        self.files = Files(options.file_looks, options.redirect_downloads)
        self.interactions = Interactions(self.files, options.looks)
        self.operations = Operations(self.files, options.looks)
        self.batches, self.imagen = Batches(self, options.looks), Imagen()

    # ---- who and what ----

    def key_of(self, x):
        url_key = re.search(r"(?:^|&)key=([^&]*)", x.query)
        if url_key:
            self.state.count(key_in_url=1)
        return x.headers.get("x-goog-api-key") or (url_key and url_key[1])

    def check_token(self, x):
        """Vertex takes a bearer token for what belongs to a project."""
        if x.headers.get("Authorization") != "Bearer " + self.options.key or x.headers.get("x-goog-api-key"):
            refuse(401, "Request had invalid authentication credentials. Expected OAuth 2 access token.")

    def check_key(self, x):
        key = self.key_of(x)
        if "/projects/" in x.path:
            return self.check_token(x)
        if not key:
            refuse(403, "Method doesn't allow unregistered callers (callers without established "
                        "identity). Please use API Key or other form of API consumer identity to call "
                        "this API.")
        if key != self.options.key:
            self.state.count(wrong_key=1)
            refuse(400, "API key not valid. Please pass a valid API key.",
                   {"@type": RPC + "ErrorInfo", "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"}},
                   {"@type": RPC + "LocalizedMessage", "locale": "en-US",
                    "message": "API key not valid. Please pass a valid API key."})

    def check_alive(self, name):
        if name in self.options.retire or (RETIRED.fullmatch(name) and not self.options.alive):
            refuse(404, f"This model models/{name} is no longer available. Please update your code to "
                        "use a newer model for the latest features and improvements.")

    def model(self, name, method):
        self.check_alive(name)
        if name.startswith("gemini-omni"):
            refuse(400, "This model only supports Interactions API.")
        if name not in MODELS:
            refuse(404, f"models/{name} is not found for API version v1beta, or is not supported for "
                        f"{method}. Call ListModels to see the list of available models and their "
                        "supported methods.")
        return MODELS[name]

    def read_json(self, x):
        kind = x.headers.get("Content-Type", "application/json").split(";")[0].strip().lower()
        if kind != "application/json":
            refuse(400, f'Invalid JSON payload received. Content type "{kind}" is not JSON.')
        try:
            def no_constant(name):
                raise ValueError(f"Unexpected token: {name}")
            return json.loads(x.body.decode("utf-8"), parse_constant=no_constant)
        except (ValueError, RecursionError) as e:
            refuse(400, f"Invalid JSON payload received. {e}")

    # ---- routes ----

    def handle(self, x):
        x.job = x.generation = None
        google = r"/v1(?:beta1)?/(?:projects/[^/]+/locations/[^/]+/)?publishers/google"
        project = r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+"
        if x.method == "GET" and x.path.startswith("/_blob/"):
            return self.files.blob(x, x.path[7:])
        routes = [("POST", r"/v1beta/models/([^/:]+):generateContent", self.generate),
                  ("POST", google + r"/models/([^/:]+):generateContent", self.generate),
                  ("GET", r"/v1beta/models", self.list_models),
                  ("GET", google + r"/models", self.list_publisher),
                  ("GET", r"/v1beta/models/([^/:]+)", self.get_model),
                  ("POST", r"/v1beta/models/([^/:]+):predict", self.predict),
                  ("POST", google + r"/models/([^/:]+):predict", self.predict),
                  ("POST", r"/v1beta/models/([^/:]+):predictLongRunning", self.predict_long),
                  ("POST", google + r"/models/([^/:]+):predictLongRunning", self.predict_long),
                  ("POST", google + r"/models/[^/:]+:fetchPredictOperation", self.fetch_operation),
                  ("GET", r"/v1beta/(models/[^/:]+/operations/\w+)", self.operations.get),
                  ("POST", r"/v1beta/interactions", self.interact),
                  ("POST", project + r"/interactions", self.interact),
                  ("GET", r"/v1beta/interactions/(\w+)", self.interactions.get),
                  ("GET", project + r"/interactions/(\w+)", self.interactions.get),
                  ("POST", r"/v1beta/interactions/(\w+)/cancel", self.interactions.cancel),
                  ("DELETE", r"/v1beta/interactions/(\w+)", self.interactions.delete),
                  ("POST", r"/upload/v1beta/files", self.files.upload),
                  ("GET", r"/v1beta/files/(\w+)", self.files.get),
                  ("DELETE", r"/v1beta/files/(\w+)", self.files.delete),
                  ("GET", r"/v1beta/files/(\w+):download", self.files.download),
                  ("POST", r"/v1beta/models/([^/:]+):batchGenerateContent", self.batch),
                  ("GET", r"/v1beta/batches/(\w+)", self.batches.get),
                  ("POST", r"/v1beta/batches/(\w+):cancel", self.batches.cancel),
                  ("DELETE", r"/v1beta/batches/(\w+)", self.batches.delete)]
        for method, pattern, function in routes:
            m = re.fullmatch(pattern, x.path)
            if m and x.method == method:
                self.check_key(x)
                return function(x, *m.groups())
        raise Refusal(404, b"<!DOCTYPE html>\n<title>Error 404 (Not Found)!!1</title>\n",
                      [("X-Fake", "no such route")])

    # ---- models ----

    def model_json(self, m):
        return {"name": "models/" + m.name, "version": "001", "displayName": m.name,
                "inputTokenLimit": 65536, "outputTokenLimit": 32768,
                "supportedGenerationMethods": ["generateContent", "countTokens"],
                "thinking": m.thinks}

    def list_models(self, x):
        """At most --page of them at once."""
        every = [self.model_json(m) for m in MODELS.values() if m.name not in self.options.retire]
        every += [{"name": "models/" + n, "supportedGenerationMethods": methods} for n, methods in OTHERS.items()]
        asked = dict(p.partition("=")[::2] for p in x.query.split("&") if p)
        if set(asked) - {"pageSize", "pageToken"}:
            refuse(400, "Invalid JSON payload received. Unknown name in the query.")
        start = int(base64.b64decode(urllib.parse.unquote(asked.get("pageToken", ""))) or b"0")
        size = min(int(asked.get("pageSize", 50)), self.options.page)
        out = {"models": every[start:start + size]}
        if start + size < len(every):
            out["nextPageToken"] = base64.b64encode(str(start + size).encode()).decode()
        return Answer(json.dumps(out, indent=2).encode())

    def list_publisher(self, x):
        return Answer(json.dumps({"publisherModels": [
            {"name": "publishers/google/models/" + m, "versionId": "001"} for m in MODELS]}).encode())

    def get_model(self, x, name):
        return Answer(json.dumps(self.model_json(self.model(name, "GetModel")), indent=2).encode())

    # ---- generateContent ----

    def generation(self, model, request, seed_bytes):
        return Generation(model, request, seed_bytes, self.options.shrink)

    def check_files(self, request):
        for part in (p for c in request["contents"] for p in c["parts"] if "fileData" in p):
            self.files.by_uri(part["fileData"].get("fileUri", ""), part["fileData"].get("mimeType"))

    def generate(self, x, name):
        model = self.model(name, "generateContent")
        body = self.read_json(x)
        try:
            request = check(model, body, "/publishers/" in x.path)
        except Invalid as e:
            details = [{"@type": RPC + "BadRequest", "fieldViolations": e.violations}] \
                if e.violations else []
            refuse(400, e.message, *details)
        self.check_files(request)
        x.prompt = " ".join(p["text"] for p in request["contents"][-1]["parts"] if "text" in p)
        x.generation = self.generation(model, request, self.seed_bytes(x, request))
        x.made = x.generation.made
        return x.generation.answer()

    # ---- the other ways ----

    def predict(self, x, name):
        self.check_alive(name)
        if not name.startswith("imagen-"):
            refuse(404, f"models/{name} is not found for API version v1beta, or is not supported for predict.")
        return self.imagen.predict(x, self.read_json(x), "/publishers/" in x.path)

    def predict_long(self, x, name):
        vertex = "/publishers/" in x.path
        if not vertex:
            self.check_alive(name)
        if not name.startswith("veo-") or (not vertex and not name.endswith("-preview")):
            refuse(404, f"models/{name} is not found for API version v1beta, or is not supported for predictLongRunning.")
        return self.operations.create(x, name, self.read_json(x), vertex)

    def fetch_operation(self, x):
        return self.operations.fetch(x, self.read_json(x))

    def interact(self, x):
        return self.interactions.create(x, self.read_json(x), "/projects/" in x.path)

    def batch(self, x, name):
        return self.batches.create(x, self.model(name, "batchGenerateContent"), self.read_json(x))

    def seed_bytes(self, x, request):
        """Equal requests give equal pictures with a seed, and each its own without one."""
        digest = hashlib.sha256(x.path.encode() + b"\0" + x.body).digest()
        if "seed" in request.get("generationConfig", {}):
            return digest
        with self.lock:
            self.seen[digest] += 1
            return digest + str(self.seen[digest]).encode()

    # ---- misbehaviour ----

    def error_body(self, status, b, message):
        if status == 400 and b.get("reason") == "FAILED_PRECONDITION":
            return error_json(400, "User location is not supported for the API use.",
                              status="FAILED_PRECONDITION")
        text = message or b.get("message") or MESSAGE.get(status, "Something is wrong.")
        details = []
        if status == 429 and not b.get("bare"):
            details = quota_details(b)
            if "retry_delay" in b:
                text += f" Please retry in {b['retry_delay']}."
        elif "retry_delay" in b:
            details = [{"@type": RPC + "RetryInfo", "retryDelay": b["retry_delay"]}]
        return error_json(status, text, details)

    def broken_answer(self, x, b, answer):
        if x.job:
            make = getattr(x.job, "make_" + b["do"], None)
            return make(b, answer) if make else None
        make = getattr(self, "make_" + b["do"], None)
        return make(x.generation, b, answer) if make else None

    def make_refuse(self, g, b, answer):
        usage = {"promptTokenCount": 9, "totalTokenCount": 9}
        return Answer(json.dumps({"promptFeedback": {"blockReason": b.get("reason", "SAFETY")},
                                  "usageMetadata": usage, "modelVersion": g.model.name},
                                 indent=2).encode())

    def make_finish(self, g, b, answer):
        candidate = {"finishReason": b.get("reason", "NO_IMAGE"), "index": 0}
        if "text" in b:
            candidate["content"] = {"parts": [{"text": b["text"]}], "role": "model"}
        if "message" in b:
            candidate["finishMessage"] = b["message"]
        return g.answer(candidate, pictures=0)

    def make_no_parts(self, g, b, answer):
        return g.answer({"content": {"role": "model"}, "finishReason": "STOP", "index": 0}, pictures=0)

    def make_thoughts(self, g, b, answer):
        g.thoughts = True
        return g.answer()

    def make_text_after(self, g, b, answer):
        g.text_after = True
        return g.answer()

    def make_pictures(self, g, b, answer):
        g.pictures = b.get("count", 2)
        return g.answer()

    def replaced(self, g, change):
        """The good answer with the base64 of its last picture changed."""
        parts = g.parts()
        for p in reversed(parts):
            if "inlineData" in p:
                p["inlineData"].update(change(p["inlineData"]))
                break
        return g.answer({"content": {"parts": parts, "role": "model"}, "finishReason": "STOP",
                         "index": 0})

    def make_half_base64(self, g, b, answer):
        return self.replaced(g, lambda i: {"data": i["data"][:len(i["data"]) // 8 * 4 + 1]})

    def make_bad_base64(self, g, b, answer):
        def spoil(i):
            middle = len(i["data"]) // 2
            return {"data": i["data"][:middle] + "*" + i["data"][middle + 1:]}
        return self.replaced(g, spoil)

    def make_half_picture(self, g, b, answer):
        def halve(i):
            data = base64.b64decode(i["data"])
            return {"data": base64.b64encode(data[:len(data) // 2]).decode()}
        return self.replaced(g, halve)

    def make_fake_type(self, g, b, answer):
        data = server.bytes_of(b) or SVG.encode()
        return self.replaced(g, lambda i: {"mimeType": b.get("mime", "image/png"),
                                           "data": base64.b64encode(data).decode()})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    server.add_options(parser)
    parser.add_argument("--small", dest="shrink", action="store_const", const=16, default=1,
                        help="pictures of a sixteenth of the width and height")
    parser.add_argument("--retire", action="append", default=[], metavar="MODEL",
                        help="this model is no longer available")
    parser.add_argument("--alive", action="store_true",
                        help="what Google has shut down lives on, as behind a gateway")
    parser.add_argument("--looks", type=int, default=1, help="looks that find a long job unfinished")
    parser.add_argument("--file-looks", type=int, default=0, help="looks that find an upload unread")
    parser.add_argument("--redirect-downloads", action="store_true",
                        help="downloads are sent on to http://localhost, another origin")
    parser.add_argument("--page", type=int, default=1000, help="most models in one answer")
    options = parser.parse_args()
    server.run(Gemini(options), options)


if __name__ == "__main__":
    main()
