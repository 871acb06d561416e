#!/usr/bin/env python3
"""A strict fake of the local image servers: AUTOMATIC1111's web UI, and stable-diffusion.cpp's sd-server.

    a1111.py --port 0 [--flavour a1111|sdserver|sdserver-old] [--auth] [--seconds S] [--mode img|vid] [--key U:P]

Needs python3-pil, for films ffmpeg. Prints "PORT n" once it listens. A picture takes --seconds (default 0), step by step:
progress moves, previews grow clearer, an interrupt ends it early with what is there; whoever hangs up stops nothing.
What such a server refuses is refused in its own shapes; fields and types that it does not know are refused too, where
it would be silent, so that a misspelt one is noticed. What it passes over without a word is passed over: an unknown
checkpoint, style, schedule or LoRA. server.py describes how to make it misbehave. Behaviours of its own:
    no_images     no picture, as after an early interrupt
    grid          a sheet of all pictures before them
    other_model   another checkpoint than asked for
    out_of_memory 500 of the exception's shape
    not_media     base64 of a text
    fail          sd-server: the job fails
    forget        sd-server: the job is not known later (404)
    expire        sd-server: nor is its result (410)
"""
import argparse
import base64
import hashlib
import io
import json
import re
import threading
import time
import urllib.parse

import clips
import server
from a1111_check import IMG2IMG, Invalid, SDCPP_IMAGE, SDCPP_VIDEO, SDAPI, TXT2IMG, check
from PIL import Image, PngImagePlugin
from pictures import picture
from server import Answer, Refusal

MODELS = [("dreamshaper_8", "dreamshaper_8.safetensors", "879db523c3"),
          ("sdxl_juggernautXL", "sdxl/juggernautXL.safetensors", "1fe6c7ec54")]
SAMPLERS = [("DPM++ 2M", ["k_dpmpp_2m"]), ("DPM++ 2M SDE", ["k_dpmpp_2m_sde"]), ("Euler a", ["k_euler_a"]),
            ("Euler", ["k_euler"]), ("DDIM", ["ddim"])]
SCHEDULERS = [("automatic", "Automatic"), ("karras", "Karras"), ("exponential", "Exponential")]
LATENT = ["Latent", "Latent (nearest)"]
UPSCALERS = ["None", "Lanczos", "4x-UltraSharp"]
STYLES = ["Ink", "Oil painting"]
LORAS = ["ink", "fox"]
CPP_SAMPLERS = ["euler", "euler_a", "heun", "dpm++2m", "lcm"]
CPP_SCHEDULERS = ["discrete", "normal", "karras", "simple"]
FULL = 64  # jobs that wait at sd-server


def answer(value, status=200):
    return Answer(json.dumps(value).encode(), status, type="application/json")


def refuse(status, value, headers=()):
    raise Refusal(status, json.dumps(value).encode(), headers)


def http_exception(status, detail):
    refuse(status, {"error": "HTTPException", "detail": detail, "body": "", "errors": ""})


def decode_image(text):
    """The pictures that come in: whole ones, in base64."""
    if text.startswith("data:image/"):
        text = text.split(",", 1)[1]
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    image.load()
    return image


def with_text(data, text):
    """The same picture with a tEXt `parameters`."""
    info, out = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("parameters", text)
    Image.open(io.BytesIO(data)).save(out, "PNG", pnginfo=info, compress_level=1)
    return out.getvalue()


def encoded(data):
    return base64.b64encode(data).decode()


class Making:
    """What the one graphics card does just now."""

    def __init__(self):
        self.lock = threading.Lock()   # generations are serialised by it
        self.guard = threading.Lock()
        self.idle()

    def idle(self):
        self.task, self.step, self.steps, self.started, self.seed = None, 0, 0, 0, b""
        self.interrupted = False

    def run(self, task, steps, seconds, seed):
        """Returns how many steps were made: fewer when it was interrupted."""
        with self.guard:
            self.idle()
            self.task, self.steps, self.seed, self.started = task, steps, seed, time.monotonic()
        for _ in range(steps):
            if self.interrupted:
                break
            time.sleep(seconds / steps)
            self.step += 1
        return self.step


class A1111:
    kinds = {"no_images", "grid", "other_model", "out_of_memory", "not_media", "fail", "forget", "expire"}

    def __init__(self, options):
        self.options = options
        self.state = None  # the server's; set when it runs
        self.making = Making()
        self.jobs, self.order = {}, []
        self.jobs_lock = threading.Condition()
        self.loaded = MODELS[0]
        if options.flavour == "sdserver":
            threading.Thread(target=self.work, daemon=True).start()

    # ---- who and what ----

    def key_of(self, x):
        return x.headers.get("authorization") or ""

    def check_key(self, x):
        if not self.options.auth or self.options.flavour != "a1111" or not x.path.startswith("/sdapi/"):
            return
        key = self.key_of(x)
        if not key:
            refuse(401, {"detail": "Not authenticated"}, [("WWW-Authenticate", "Basic")])
        if key != "Basic " + self.options.key:
            self.state.count(wrong_key=1)
            refuse(401, {"error": "HTTPException", "detail": "Incorrect username or password", "body": "",
                         "errors": ""}, [("WWW-Authenticate", "Basic")])

    def handle(self, x):
        web = self.options.flavour == "a1111"
        routes = [("POST", "/sdapi/v1/(txt2img|img2img)", self.web_make if web else self.sdapi_make),
                  ("GET", "/sdapi/v1/sd-models", self.sd_models), ("GET", "/sdapi/v1/samplers", self.samplers),
                  ("GET", "/sdapi/v1/schedulers", self.schedulers), ("GET", "/sdapi/v1/upscalers", self.upscalers),
                  ("GET", "/sdapi/v1/latent-upscale-modes", self.latent), ("GET", "/sdapi/v1/loras", self.loras),
                  ("GET", "/sdapi/v1/options", self.get_options)]
        if web:
            routes += [("GET", "/sdapi/v1/progress", self.progress), ("POST", "/sdapi/v1/interrupt", self.interrupt),
                       ("GET", "/sdapi/v1/prompt-styles", self.styles)]
        if self.options.flavour == "sdserver":
            routes += [("GET", "/sdcpp/v1/capabilities", self.capabilities),
                       ("POST", "/sdcpp/v1/(img_gen|vid_gen)", self.job_new),
                       ("GET", r"/sdcpp/v1/jobs/([\w-]+)", self.job_get),
                       ("POST", r"/sdcpp/v1/jobs/([\w-]+)/cancel", self.job_cancel)]
        for method, pattern, function in routes:
            m = re.fullmatch(pattern, x.path)
            if m and x.method == method:
                self.check_key(x)
                return function(x, *m.groups())
        if web:
            refuse(404, {"detail": "Not Found"})
        raise Refusal(404, b"")

    def body(self, x):
        if x.headers.get("Content-Type", "").split(";")[0] != "application/json":
            refuse(422, {"detail": [{"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}]})
        try:
            return json.loads(x.body.decode())
        except ValueError as e:
            refuse(422, {"detail": [{"loc": ["body", 0], "msg": str(e), "type": "value_error.jsondecode"}]})

    # ---- lists ----

    def sd_models(self, x):
        if self.options.flavour != "a1111":
            name = self.cpp_model()
            return answer([{"title": name[:-5], "model_name": name[:-5], "filename": name, "hash": "8888888888",
                            "sha256": "8" * 64, "config": None}])
        return answer([{"title": f"{f} [{h}]", "model_name": n, "hash": h,
                        "sha256": hashlib.sha256(h.encode()).hexdigest(), "filename": "/models/Stable-diffusion/" + f,
                        "config": None} for n, f, h in MODELS])

    def samplers(self, x):
        rows = SAMPLERS if self.options.flavour == "a1111" else [(n, [n]) for n in ["default", *CPP_SAMPLERS]]
        return answer([{"name": n, "aliases": a, "options": {}} for n, a in rows])

    def schedulers(self, x):
        if self.options.flavour != "a1111":
            return answer([{"name": n, "label": n} for n in ["default", *CPP_SCHEDULERS]])
        return answer([{"name": n, "label": label, "aliases": None, "default_rho": -1.0, "need_inner_model": False}
                       for n, label in SCHEDULERS])

    def upscalers(self, x):
        return answer([{"name": n, "model_name": None, "model_path": None, "model_url": None, "scale": 4}
                       for n in UPSCALERS])

    def latent(self, x):
        return answer([{"name": n} for n in LATENT])

    def styles(self, x):
        return answer([{"name": n, "prompt": n.lower() + " of {prompt}", "negative_prompt": None} for n in STYLES])

    def loras(self, x):
        if self.options.flavour != "a1111":
            return answer([{"name": n, "path": f"styles/{n}.safetensors"} for n in LORAS])
        tags = {f"word {i}": i for i in range(3000)}  # as large as they are
        return answer([{"name": n, "alias": n, "path": f"/loras/{n}.safetensors",
                        "metadata": {"ss_tag_frequency": tags}} for n in LORAS])

    def get_options(self, x):
        if self.options.flavour != "a1111":
            return answer({"samples_format": "png", "sd_model_checkpoint": self.cpp_model()[:-5]})
        return answer({"samples_format": "png", "sd_model_checkpoint": f"{self.loaded[1]} [{self.loaded[2]}]",
                       "CLIP_stop_at_last_layers": 1.0, "outdir_txt2img_samples": "outputs"})

    # ---- AUTOMATIC1111: progress and interrupt ----

    def progress(self, x):
        query = urllib.parse.parse_qs(x.query)
        m = self.making
        with m.guard:
            task, step, steps, started = m.task, m.step, m.steps, m.started
        state = {"skipped": False, "interrupted": m.interrupted, "stopping_generation": False,
                 "job": "scripts_txt2img" if task else "", "job_count": 1 if task else 0,
                 "job_timestamp": "20261120100000", "job_no": 0, "sampling_step": step, "sampling_steps": steps}
        out = {"progress": 0.0, "eta_relative": 0.0, "state": state, "current_image": None, "textinfo": None,
               "current_task": task}
        if task:
            out["progress"] = min(1, 0.01 + step / steps)
            gone = time.monotonic() - started
            out["eta_relative"] = gone / out["progress"] - gone
            if query.get("skip_current_image") != ["true"]:
                side = 16 + 4 * step
                out["current_image"] = encoded(picture(m.seed + bytes([step % 256]), side, side, "image/png"))
        return answer(out)

    def interrupt(self, x):
        with self.making.guard:
            self.making.interrupted = True
        return answer({})

    # ---- AUTOMATIC1111: making ----

    def source(self, body):
        if not body.get("init_images"):
            http_exception(404, "Init image not found")
        for text in body["init_images"]:
            if text.startswith("http"):
                http_exception(500, "Requests not allowed")
            try:
                decode_image(text)
            except Exception:
                http_exception(500, "Invalid encoded image")

    def model_of(self, body):
        """An unknown one is ignored without a word."""
        title = body.get("override_settings", {}).get("sd_model_checkpoint")
        return next((m for m in MODELS if title in (m[0], m[1], f"{m[1]} [{m[2]}]", m[2])), self.loaded)

    def line(self, body, model, seed, size):
        labels = dict(SCHEDULERS)
        schedule = body.get("scheduler")
        schedule = schedule if schedule in labels.values() else labels.get(schedule, "Automatic")
        out = [f"Steps: {body['steps']}", f"Sampler: {body.get('sampler_name', 'Euler')}", f"Schedule type: {schedule}",
               f"CFG scale: {float(body.get('cfg_scale', 7))}", f"Seed: {seed}", f"Size: {size[0]}x{size[1]}",
               f"Model hash: {model[2]}", f"Model: {model[0].split('_', 1)[-1] if '/' in model[1] else model[0]}"]
        if body.get("enable_hr") or "init_images" in body:
            out.append(f"Denoising strength: {body.get('denoising_strength', 0.75)}")
        return ", ".join(out) + ", Version: v1.10.1"

    def web_make(self, x, route):
        body = self.body(x)
        try:
            check(body, IMG2IMG if route == "img2img" else TXT2IMG)
        except Invalid as e:
            refuse(422, {"detail": e.detail})
        if body.get("sampler_name", "Euler") not in [n for n, _ in SAMPLERS]:
            http_exception(404, "Sampler not found")
        if route == "img2img":
            self.source(body)
        if body.get("width", 512) * body.get("height", 512) > 4096 * 4096:
            self.memory()
        x.prompt = body.get("prompt", "")
        x.body_json, x.model = body, self.model_of(body)
        return self.paint(x, body)

    def memory(self):
        refuse(500, {"error": "OutOfMemoryError", "detail": "", "body": "",
                     "errors": "CUDA out of memory. Tried to allocate 36.00 GiB"})

    def paint(self, x, body):
        seed = body.get("seed", -1)
        seed = seed if seed >= 0 else int.from_bytes(hashlib.sha256(x.body + str(time.time()).encode()).digest()[:4], "big")
        size = [body.get("width", 512) // 8 * 8, body.get("height", 512) // 8 * 8]
        if body.get("enable_hr"):
            size = [int(s * body.get("hr_scale", 2)) for s in size]
        line = self.line(body, x.model, seed, [body.get("width", 512), body.get("height", 512)])
        key = json.dumps([{k: v for k, v in body.items() if k != "force_task_id"}, seed]).encode()
        with self.making.lock:  # as long as it takes, whoever hangs up
            made = self.making.run(body.get("force_task_id"), body["steps"], self.options.seconds, key)
            self.making.idle()
        self.loaded = x.model
        negative = f"\nNegative prompt: {body['negative_prompt']}" if body.get("negative_prompt") else ""
        x.text, x.seed, x.negative = f"{x.prompt}{negative}\n{line}", seed, body.get("negative_prompt", "")
        x.images = [with_text(picture(key + str(made).encode(), *size, "image/png"), x.text)] if made else []
        return self.web_answer(x, body)

    def web_answer(self, x, body, first=0, model=None):
        model = model or x.model
        x.made = [hashlib.blake2b(i, digest_size=32).hexdigest() for i in x.images[first:]]
        info = {"prompt": x.prompt, "all_prompts": [x.prompt], "negative_prompt": x.negative, "seed": x.seed,
                "all_seeds": [x.seed], "subseed": 1, "width": body.get("width", 512), "height": body.get("height", 512),
                "sampler_name": body.get("sampler_name", "Euler"), "steps": body["steps"], "batch_size": 1,
                "sd_model_name": re.sub(r".*/|\.\w+$", "", model[1]), "sd_model_hash": model[2],
                "index_of_first_image": first, "infotexts": [x.text] * len(x.images), "styles": body.get("styles", []),
                "job_timestamp": "20261120100000", "clip_skip": 1, "version": "v1.10.1"}
        out = {"images": [encoded(i) for i in x.images],
               "parameters": {**body, "init_images": None, "mask": None}, "info": json.dumps(info)}
        text = json.dumps(out).encode()
        at = text.find(b'"images": ["')
        return Answer(text, paid=bool(x.images), media_at=at + 12 if at >= 0 else None, type="application/json")

    # ---- sd-server: the part of /sdapi/v1 ----

    def cpp_model(self):
        return "wan2.2_ti2v.gguf" if self.options.mode == "vid" else "z_image_turbo.gguf"

    def sdapi_make(self, x, route):
        body = self.body(x)
        try:
            check(body, SDAPI)
        except Invalid as e:
            refuse(400, {"error": "invalid params", "message": json.dumps(e.detail)})
        if not body.get("prompt"):
            refuse(400, {"error": "prompt required"})
        if route == "img2img":
            decode_image(body["init_images"][0])
        for lora in body.get("lora", []):
            if lora["path"] not in [f"styles/{n}.safetensors" for n in LORAS]:
                refuse(400, {"error": "invalid lora path: " + lora["path"]})
        x.prompt, x.model, x.negative = body["prompt"], ("", self.cpp_model(), ""), body.get("negative_prompt", "")
        body.setdefault("steps", 20)
        return self.paint(x, body)

    # ---- sd-server: jobs ----

    def capabilities(self, x):
        video = self.options.mode == "vid"
        mode, model = ("vid_gen" if video else "img_gen"), self.cpp_model()
        defaults = {"prompt": "", "width": 832 if video else 1024, "height": 480 if video else 1024, "seed": -1,
                    "sample_params": {"sample_steps": 20 if video else 8, "guidance": {"txt_cfg": 1.0}}}
        if video:
            defaults.update(video_frames=1, fps=16)
        upscalers = [{"name": n} for n in ["None", "Lanczos", "Latent", "4x-UltraSharp"]]
        return answer({"model": {"name": model, "stem": model[:-5], "path": "/models/" + model}, "current_mode": mode,
                       "supported_modes": [mode], "defaults": defaults, "defaults_by_mode": {mode: defaults},
                       "samplers": CPP_SAMPLERS, "schedulers": CPP_SCHEDULERS, "upscalers": upscalers,
                       "loras": [{"name": n, "path": f"styles/{n}.safetensors"} for n in LORAS],
                       "output_formats": ["webm", "webp", "avi"] if video else ["png", "jpeg", "webp"],
                       "features_by_mode": {mode: {"cancel_queued": True, "cancel_generating": False}},
                       "limits": {"min_width": 64, "max_width": 4096, "min_height": 64, "max_height": 4096,
                                  "max_batch_count": 8, "max_queue_size": FULL}})

    def job_check(self, body, kind):
        if (kind == "vid_gen") != (self.options.mode == "vid"):
            refuse(400, {"error": f"{kind} is not supported by the loaded model"})
        try:
            check(body, SDCPP_VIDEO if kind == "vid_gen" else SDCPP_IMAGE)
            sample = body.get("sample_params", {})
            if sample.get("sample_method", "euler") not in CPP_SAMPLERS or \
                    sample.get("scheduler", "discrete") not in CPP_SCHEDULERS:
                raise Invalid([])
            for lora in body.get("lora", []):
                if lora["path"] not in [f"styles/{n}.safetensors" for n in LORAS]:
                    raise Invalid([])
            for text in [body.get("init_image"), body.get("end_image"), *body.get("ref_images", [])]:
                if text:
                    decode_image(text)
        except (Invalid, ValueError, OSError):
            refuse(400, {"error": "invalid generation parameters"})

    def job_new(self, x, kind):
        body = self.body(x)
        self.job_check(body, kind)
        x.prompt = body["prompt"]
        with self.jobs_lock:
            waiting = [i for i in self.order if self.jobs[i]["status"] in ("queued", "generating")]
            if len(waiting) >= self.options.queue:
                x.prompt = None
                refuse(429, {"error": "job queue is full"})
            job = {"id": f"job_{len(self.order):08x}", "kind": kind, "status": "queued", "created": int(time.time()),
                   "started": None, "completed": None, "body": body, "do": None}
            self.jobs[job["id"]] = job
            self.order.append(job["id"])
            self.jobs_lock.notify()
        x.job = job
        return Answer(json.dumps({"id": job["id"], "kind": kind, "status": "queued", "created": job["created"],
                                  "poll_url": "/sdcpp/v1/jobs/" + job["id"]}).encode(), 202, paid=True,
                      type="application/json")

    def queued(self):
        return [i for i in self.order if self.jobs[i]["status"] == "queued"]

    def job_json(self, job):
        place = self.queued().index(job["id"]) + 1 if job["status"] == "queued" else 0
        out = {k: job[k] for k in ("id", "kind", "status", "created", "started", "completed")}
        out.update(queue_position=place, result=None, error=None)
        if job["status"] == "completed":
            out["result"] = job["result"]
        elif job["status"] in ("failed", "cancelled"):
            out["error"] = job["error"]
        return out

    def job_find(self, id):
        job = self.jobs.get(id)
        if not job or job["do"] == "forget":
            refuse(404, {"error": "job not found"})
        if job["do"] == "expire" and job["status"] == "completed":
            refuse(410, {"error": "job expired"})
        return job

    def job_get(self, x, id):
        with self.jobs_lock:
            return answer(self.job_json(self.job_find(id)))

    def job_cancel(self, x, id):
        with self.jobs_lock:
            job = self.job_find(id)
            if job["status"] == "generating":
                refuse(409, {"error": "job is currently generating and cannot be interrupted yet"})
            if job["status"] == "queued":
                job.update(status="cancelled", completed=int(time.time()),
                           error={"code": "cancelled", "message": "job cancelled by client"})
            return answer(self.job_json(job))

    def work(self):
        """The one worker."""
        while True:
            with self.jobs_lock:
                while not self.queued():
                    self.jobs_lock.wait()
                job = self.jobs[self.queued()[0]]
                job.update(status="generating", started=int(time.time()))
            time.sleep(self.options.seconds)
            result = None if job["do"] == "fail" else self.job_result(job)
            with self.jobs_lock:
                job.update(status="completed" if result else "failed", completed=int(time.time()), result=result,
                           error={"code": "generation_failed", "message": "generate_image returned no results"})

    def job_result(self, job):
        body = job["body"]
        key = json.dumps(body).encode()
        width, height = body.get("width", 512), body.get("height", 512)
        if job["kind"] == "vid_gen":
            frames, fps = body["video_frames"] // 4 * 4 + 1, body["fps"]
            film = clips.clip(round(frames / fps, 3), width // 4, height // 4, False, len(key), "webm")
            return {"output_format": "webm", "mime_type": "video/webm", "fps": fps, "frame_count": frames,
                    "b64_json": encoded(film)}
        image = picture(key, width, height, "image/" + body.get("output_format", "png"))
        if body.get("output_format", "png") == "png":
            image = with_text(image, f"{body['prompt']}\nSteps: 8, Seed: {body.get('seed', -1)}")
        return {"output_format": body.get("output_format", "png"), "images": [{"index": 0, "b64_json": encoded(image)}]}

    # ---- misbehaviour ----

    def error_body(self, status, b, message):
        text = message or b.get("message", "Something is wrong.")
        return json.dumps({"error": "RuntimeError", "detail": "", "body": "", "errors": text}).encode()

    def broken_answer(self, x, b, good):
        do = b["do"]
        if hasattr(x, "job"):
            x.job["do"] = do
            return None
        body = x.body_json if hasattr(x, "body_json") else {"steps": 20}
        if do == "no_images":
            x.images = []
            return self.web_answer(x, body)
        if do == "grid":
            x.images = [picture(b"sheet", 64, 64, "image/jpeg"), *x.images]
            return self.web_answer(x, body, first=1)
        if do == "other_model":
            return self.web_answer(x, body, model=MODELS[1] if x.model == MODELS[0] else MODELS[0])
        if do == "not_media":
            x.images = [b"this is no picture"]
            return self.web_answer(x, body)
        if do == "out_of_memory":
            return answer({"error": "OutOfMemoryError", "detail": "", "body": "", "errors": "CUDA out of memory."}, 500)
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    server.add_options(parser)
    parser.add_argument("--flavour", choices=["a1111", "sdserver", "sdserver-old"], default="a1111")
    parser.add_argument("--auth", action="store_true", help="HTTP Basic, with --key as user:password")
    parser.add_argument("--seconds", type=float, default=0, help="of one picture or film")
    parser.add_argument("--mode", choices=["img", "vid"], default="img", help="what the model of sd-server makes")
    parser.add_argument("--queue", type=int, default=FULL, help="jobs that sd-server takes")
    options = parser.parse_args()
    options.key = base64.b64encode(options.key.encode()).decode()  # as it comes in the header
    server.run(A1111(options), options)


if __name__ == "__main__":
    main()
