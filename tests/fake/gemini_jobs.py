"""Long jobs: the Interactions API for Omni video, predictLongRunning for Veo, and predict for Imagen.

Behaviours of a job, taken when it is asked for (their looks are counted by the job):
    looks        count: how many looks find it unfinished (default: --looks)
    lose         after: looks, then the service does not know it any more
    fail         code, message: it ends in an error
    filtered     the filter takes the result (Omni: completed with words only)
    inline       the video lies in the answer, whatever was asked for
    early        count: how many downloads come too early
    no_video     what is downloaded is a page
"""
import base64
import hashlib
import json
import re
import threading

from clips import clip
from gemini_words import refuse, refuse_interaction
from pictures import is_picture, picture
from server import Answer

IMAGE_TYPES = {"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}
LINES = {"360p": 90, "720p": 180, "1080p": 270, "4k": 540}  # the short side here: a quarter of it


def frame(resolution, ratio):
    short = LINES[resolution]
    long = short * 16 // 9
    return (long, short) if ratio == "16:9" else (short, long)


class Job:
    """paid: the video was made."""
    kinds = {"looks", "lose", "fail", "filtered", "inline", "early", "no_video"}

    def __init__(self, jobs, x, body, seconds, resolution, ratio, looks):
        self.jobs, self.body, self.left, self.looks = jobs, body, looks, 0
        self.lost_after, self.error, self.filtered, self.inline = None, None, False, False
        self.seconds = seconds
        width, height = frame(resolution, ratio)
        seed = int.from_bytes(hashlib.sha256(x.body).digest()[:2], "big")
        self.video = clip(seconds, width, height, True, seed)
        x.made = [hashlib.blake2b(self.video, digest_size=32).hexdigest()]
        x.job = self
        self.file = jobs.files.add("video/mp4", self.video)
        self.cancelled = False

    # ---- behaviours ----

    def make_looks(self, b, answer):
        self.left = b.get("count", 3)

    def make_lose(self, b, answer):
        self.lost_after = b.get("after", 1)

    def make_fail(self, b, answer):
        self.error = {"code": b.get("code", 13), "message": b.get("message", "An internal error has occurred.")}
        answer.paid = False

    def make_filtered(self, b, answer):
        self.filtered = True
        answer.paid = False

    def make_inline(self, b, answer):
        self.inline = True

    def make_early(self, b, answer):
        self.jobs.files.early[self.file.name] = b.get("count", 1)

    def make_no_video(self, b, answer):
        self.file.data, self.file.mime = b"<html>Please sign in.</html>", "text/html"

    # ---- looks ----

    def look(self):
        """False while it runs, None when it is lost."""
        self.looks += 1
        if self.lost_after is not None and self.looks > self.lost_after:
            return None
        self.left -= 1
        return self.left < 0


class Jobs:
    def __init__(self, files, looks):
        self.files, self.looks = files, looks
        self.lock = threading.Lock()
        self.jobs = {}

    def keep(self, x, prefix, job):
        with self.lock:
            name = prefix + hashlib.sha256(x.body + str(len(self.jobs)).encode()).hexdigest()[:40]
            self.jobs[name] = job
        return name


# ---- interactions ----

class Interactions(Jobs):
    """Omni models: name -> (longest seconds, resolutions)."""
    models = {"gemini-omni-1.2-flash": (15, ("360p", "720p", "1080p")),
              "gemini-omni-1.1-flash": (10, ("360p", "720p", "1080p", "4k"))}
    fields = {"model": str, "input": (str, list, dict), "response_format": (dict, list), "generation_config": dict,
              "background": bool, "store": bool, "stream": bool, "previous_interaction_id": str,
              "system_instruction": str, "safety_settings": list, "webhook_config": dict, "labels": dict,
              "service_tier": str}
    format_fields = {"type": str, "aspect_ratio": str, "resolution": str, "duration": str, "delivery": str,
                     "gcs_uri": str}
    config_fields = {"video_config": dict, "temperature": (int, float), "top_p": (int, float), "seed": int,
                     "max_output_tokens": int, "stop_sequences": list, "thinking_level": str}
    tasks = {"text_to_video", "image_to_video", "reference_to_video", "edit", "extend", "upscale"}
    harms = {"harassment", "hate_speech", "sexually_explicit", "dangerous_content", "civic_integrity"}
    thresholds = {"block_low_and_above", "block_medium_and_above", "block_only_high", "block_none", "off"}

    @staticmethod
    def typed(value, fields, where):
        for k, v in value.items():
            if k not in fields:
                refuse_interaction(400, f"Unknown parameter '{where}{k}'.")
            kinds = fields[k] if isinstance(fields[k], tuple) else (fields[k],)
            if not isinstance(v, kinds) or (isinstance(v, bool) and bool not in kinds):
                refuse_interaction(400, f"Invalid value at '{where}{k}'.")

    def image(self, c, where):
        self.typed(c, {"type": str, "data": str, "uri": str, "mime_type": str}, where)
        if ("data" in c) == ("uri" in c):
            refuse_interaction(400, f"{where[:-1]} needs one of data and uri.")
        if c.get("mime_type") not in IMAGE_TYPES:
            refuse_interaction(400, f"Unsupported mime_type at {where[:-1]}.")
        if "uri" in c:
            self.files.by_uri(c["uri"], c["mime_type"])
            return
        try:
            data = base64.b64decode(c["data"], validate=True)
        except ValueError:
            refuse_interaction(400, f"Base64 decoding failed at {where[:-1]}.")
        if not is_picture(data):
            refuse_interaction(400, f"Unable to process the image at {where[:-1]}.")

    def contents(self, body):
        given = body.get("input")
        if isinstance(given, str):
            given = [{"type": "text", "text": given}]
        elif isinstance(given, dict):
            given = [given]
        if not given:
            refuse_interaction(400, "input is required.")
        for i, c in enumerate(given):
            where = f"input[{i}]."
            if not isinstance(c, dict) or c.get("type") not in ("text", "image"):
                refuse_interaction(400, f"Unsupported content at {where[:-1]}.")
            if c["type"] == "image":
                self.image(c, where)
            else:
                self.typed(c, {"type": str, "text": str}, where)
                if not c.get("text"):
                    refuse_interaction(400, f"{where}text is empty.")
        return given

    def format(self, body, model, vertex):
        longest, lines = self.models[model]
        f = body.get("response_format", {})
        f = f[0] if isinstance(f, list) and len(f) == 1 else f
        if not isinstance(f, dict) or f.get("type") != "video":
            refuse_interaction(400, "This model makes videos: response_format.type must be 'video'.")
        self.typed(f, self.format_fields, "response_format.")
        seconds = re.fullmatch(r"(\d+)s", f.get("duration", "8s"))
        if not seconds or not 3 <= int(seconds[1]) <= longest:
            refuse_interaction(400, f"response_format.duration must be '3s' to '{longest}s'.")
        for key, values in (("aspect_ratio", ("16:9", "9:16")), ("resolution", lines), ("delivery", ("inline", "uri"))):
            if key in f and f[key] not in values:
                refuse_interaction(400, f"response_format.{key} must be one of {', '.join(values)}.")
        if vertex and f.get("delivery") == "uri" and not f.get("gcs_uri"):
            refuse_interaction(400, "response_format.gcs_uri is required for uri delivery.")
        return f, int(seconds[1])

    def settings(self, body, images):
        config = body.get("generation_config", {})
        self.typed(config, self.config_fields, "generation_config.")
        video = config.get("video_config", {})
        self.typed(video, {"task": str}, "generation_config.video_config.")
        task = video.get("task")
        if task is not None and task not in self.tasks:
            refuse_interaction(400, f"Unknown task '{task}'.")
        if (task == "text_to_video" and images) or (task in ("image_to_video", "reference_to_video") and not images) \
                or (task == "image_to_video" and images > 2) or images > 10:
            refuse_interaction(400, f"{images} images do not go with this task.")
        for s in body.get("safety_settings", []):
            if not isinstance(s, dict) or set(s) != {"type", "threshold"} or s["type"] not in self.harms \
                    or s["threshold"] not in self.thresholds:
                refuse_interaction(400, "Invalid value at 'safety_settings'.")

    def create(self, x, body, vertex=False):
        if not isinstance(body, dict):
            refuse_interaction(400, "The body must be an object.")
        self.typed(body, self.fields, "")
        model = body.get("model", "")
        if model not in self.models:
            refuse_interaction(404, f"models/{model} is not found or does not support interactions.", "not_found")
        contents = self.contents(body)
        images = sum(c["type"] == "image" for c in contents)
        wanted, seconds = self.format(body, model, vertex)
        self.settings(body, images)
        if body.get("background") and body.get("store") is False:
            refuse_interaction(400, "background needs store.")
        if not body.get("background"):
            refuse_interaction(400, "This fake makes videos in the background only.")
        x.prompt = " ".join(c["text"] for c in contents if c["type"] == "text")
        job = Job(self, x, body, seconds, wanted.get("resolution", "720p"), wanted.get("aspect_ratio", "16:9"), self.looks)
        job.contents, job.inline = contents, wanted.get("delivery", "inline") == "inline"
        job.name = self.keep(x, "v1_", job)
        return Answer(json.dumps(self.head(job, "in_progress")).encode(), paid=True)

    def head(self, job, status):
        return {"id": job.name, "object": "interaction", "model": job.body["model"], "status": status,
                "created": "2026-11-20T10:00:00Z", "updated": "2026-11-20T10:00:00Z"}

    def find(self, name):
        job = self.jobs.get(name)
        if not job:
            refuse_interaction(404, "Interaction not found.", "not_found")
        return job

    def get(self, x, name):
        job = self.find(name)
        if x.query not in ("", "stream=false"):
            refuse_interaction(400, "This fake does not stream.")
        over = not job.cancelled and job.look()
        if over is None:
            self.jobs.pop(name)
            refuse_interaction(404, "Interaction not found.", "not_found")
        if job.cancelled:
            return Answer(json.dumps(self.head(job, "cancelled")).encode())
        if not over:
            return Answer(json.dumps(self.head(job, "queued" if job.looks == 1 else "in_progress")).encode())
        return Answer(json.dumps(self.result(x, job)).encode(), chunked=True)

    def result(self, x, job):
        if job.error:
            return {**self.head(job, "failed"), "errors": [job.error]}
        video = {"type": "video", "mime_type": "video/mp4"}
        if job.inline:
            video["data"] = base64.b64encode(job.video).decode()
        else:
            video["uri"] = self.files.uri(x, job.file) + ":download?alt=media"
        out = [{"type": "text", "text": "I cannot make that."}] if job.filtered else [video]
        tokens = 5792 * job.seconds
        return {**self.head(job, "completed"), "steps": [
            {"type": "user_input", "content": job.contents}, {"type": "thought", "signature": "c2lnbmF0dXJl"},
            {"type": "model_output", "content": out}],
            "usage": {"total_input_tokens": 20, "total_output_tokens": tokens, "total_thought_tokens": 0,
                      "total_tokens": 20 + tokens, "output_tokens_by_modality": [{"modality": "video", "tokens": tokens}]}}

    def cancel(self, x, name):
        job = self.find(name)
        if job.left < 0:
            refuse_interaction(400, "The interaction is already completed.")
        job.cancelled = True
        return Answer(json.dumps(self.head(job, "cancelled")).encode())

    def delete(self, x, name):
        self.find(name)
        del self.jobs[name]
        return Answer(b"{}")


# ---- predict and predictLongRunning ----

def fields(value, allowed, where):
    if not isinstance(value, dict):
        refuse(400, f"Invalid value at '{where}'.")
    for k, v in value.items():
        if k not in allowed:
            refuse(400, f"`{k}` isn't supported by this model. Please remove it or refer to the Gemini API documentation.")
        kinds = allowed[k] if isinstance(allowed[k], tuple) else (allowed[k],)
        if isinstance(kinds[0], str):
            if v not in kinds:
                refuse(400, f"Invalid value at '{where}.{k}': must be one of {', '.join(kinds)}.")
        elif not isinstance(v, kinds) or (isinstance(v, bool) and bool not in kinds):
            refuse(400, f"The value type for `{k}` needs to be a {kinds[0].__name__}.")


def only_instance(body, allowed):
    fields(body, {"instances": list, "parameters": dict}, "body")
    if len(body.get("instances", [])) != 1:
        refuse(400, "One instance is required.")
    instance = body["instances"][0]
    fields(instance, allowed, "instances[0]")
    if not instance.get("prompt"):
        refuse(400, "A prompt is required.")
    return instance, body.get("parameters", {})


class Imagen:
    sizes = {"1:1": (64, 64), "3:4": (48, 64), "4:3": (64, 48), "9:16": (36, 64), "16:9": (64, 36)}

    def predict(self, x, body, vertex=False):
        instance, p = only_instance(body, {"prompt": str})
        taken = {"sampleCount": int, "aspectRatio": tuple(self.sizes), "sampleImageSize": ("1K", "2K"),
                 "personGeneration": ("dont_allow", "allow_adult", "allow_all"), "includeRaiReason": bool,
                 "includeSafetyAttributes": bool, "language": str, "guidanceScale": (float, int),
                 "safetySetting": str, "outputOptions": dict}
        if vertex:
            taken |= {"negativePrompt": str, "seed": int, "addWatermark": bool, "enhancePrompt": bool,
                      "storageUri": str, "labels": dict}
        fields(p, taken, "parameters")
        fields(p.get("outputOptions", {}), {"mimeType": ("image/png", "image/jpeg"), "compressionQuality": int},
               "outputOptions")
        if not 1 <= p.get("sampleCount", 4) <= 4:
            refuse(400, "sampleCount must be 1 to 4.")
        if "seed" in p and p.get("addWatermark", True):
            refuse(400, "Seed is not supported when watermark is enabled.")
        x.prompt = instance["prompt"]
        mime = p.get("outputOptions", {}).get("mimeType", "image/png")
        width, height = self.sizes[p.get("aspectRatio", "1:1")]
        scale = 2 if p.get("sampleImageSize") == "2K" else 1
        made = [picture(x.body + bytes([i]), width * scale, height * scale, mime) for i in range(p.get("sampleCount", 4))]
        x.made = [hashlib.blake2b(m, digest_size=32).hexdigest() for m in made]
        x.job = self
        return Answer(json.dumps({"predictions": [
            {"mimeType": mime, "bytesBase64Encoded": base64.b64encode(m).decode()} for m in made]}).encode(), paid=True)

    def make_filtered(self, b, answer):
        answer.body = json.dumps({"predictions": [{"raiFilteredReason": b.get("message", "Unable to show generated images.")}]}
                                 ).encode()
        answer.paid = False


class Operations(Jobs):
    """Veo. On Vertex operations are asked for by a request of their own and hold the video."""

    def image(self, value, where):
        fields(value, {"bytesBase64Encoded": str, "mimeType": ("image/png", "image/jpeg", "image/webp")}, where)
        try:
            good = is_picture(base64.b64decode(value.get("bytesBase64Encoded", ""), validate=True))
        except ValueError:
            good = False
        if not good:
            refuse(400, f"Unable to process the image at '{where}'.")

    def create(self, x, model, body, vertex=False):
        instance, p = only_instance(body, {"prompt": str, "image": dict, "lastFrame": dict, "referenceImages": list})
        taken = {"aspectRatio": ("16:9", "9:16"), "durationSeconds": (int, float), "resolution": ("720p", "1080p", "4k"),
                 "negativePrompt": str, "personGeneration": ("allow_all", "allow_adult", "dont_allow"),
                 "sampleCount": int, "enhancePrompt": bool}
        if vertex:
            taken |= {"seed": int, "generateAudio": bool, "storageUri": str, "fps": int}
        fields(p, taken, "parameters")
        for k in ("image", "lastFrame"):
            if k in instance:
                self.image(instance[k], k)
        references = instance.get("referenceImages", [])
        for r in references:
            fields(r, {"image": dict, "referenceType": ("asset",)}, "referenceImages")
            self.image(r["image"], "referenceImages")
        seconds = p.get("durationSeconds", 8)
        large = p.get("resolution", "720p") != "720p"
        if ("lastFrame" in instance and "image" not in instance) or len(references) > 3 \
                or (references and "image" in instance):
            refuse(400, "Your use case is currently not supported.")
        if seconds not in (4, 6, 8) or ((large or references) and seconds != 8) or p.get("sampleCount", 1) != 1:
            refuse(400, f"The number value for `durationSeconds` is out of bound: {seconds}.")
        x.prompt = instance["prompt"]
        job = Job(self, x, body, int(seconds), p.get("resolution", "720p"), p.get("aspectRatio", "16:9"), self.looks)
        prefix = re.sub(r"^/v1(?:beta1|beta)?/|:\w+$", "", x.path) + "/operations/"
        job.name, job.inline = self.keep(x, prefix, job), vertex
        return Answer(json.dumps({"name": job.name}).encode(), paid=True)

    def get(self, x, name):
        job = self.jobs.get(name)
        over = job.look() if job else None
        if over is None:
            self.jobs.pop(name, None)
            refuse(404, f"Operation {name} was not found.")
        out = {"name": name}
        if over:
            out["done"] = True
            out["error" if job.error else "response"] = job.error or self.response(x, job)
        return Answer(json.dumps(out).encode())

    def response(self, x, job):
        if job.filtered:
            inner = {"raiMediaFilteredCount": 1, "raiMediaFilteredReasons": ["The prompt could not be submitted."]}
        elif job.inline:
            inner = {"videos": [{"bytesBase64Encoded": base64.b64encode(job.video).decode(), "mimeType": "video/mp4"}]}
        else:
            inner = {"generatedSamples": [{"video": {"uri": self.files.uri(x, job.file) + ":download?alt=media"}}]}
        return inner if job.inline else {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse",
            "generateVideoResponse": inner}

    def fetch(self, x, body):
        fields(body, {"operationName": str}, "body")
        return self.get(x, body.get("operationName", ""))
