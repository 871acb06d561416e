"""The nodes that the fake ComfyUI has: what each takes, gives and does. Values between nodes are small stand-ins
(a text, a latent's size); files are real."""
import hashlib
import json
import tempfile

from clips import clip, ffmpeg, sound
from pictures import picture

SAMPLERS = ["euler", "euler_ancestral", "dpmpp_2m", "ddim"]
SCHEDULERS = ["normal", "karras", "simple"]
CHECKPOINTS = ["dream_15.safetensors", "xl/base_1.0.safetensors"]
LORAS = ["ink.safetensors", "gold.safetensors"]
SEED_MAX = 2**64 - 1


def whole(low, high, default=0):
    return ("INT", {"default": default, "min": low, "max": high})


def real(low, high, default=0.0):
    return ("FLOAT", {"default": default, "min": low, "max": high})


TEXT = ("STRING", {"multiline": True})
SIZE = whole(16, 16384, 512)


class Node:
    """required, optional: {input: (type or list of choices, options)}. run(run, **inputs) -> tuple of its outputs,
    or for an output node the dict that the history shows."""

    def __init__(self, required, gives, run, optional=None, output=False):
        self.required, self.optional, self.gives, self.run, self.output = required, optional or {}, gives, run, output

    def info(self, name, new):
        def spec(kind, options):
            return ["COMBO", {"options": kind}] if new and isinstance(kind, list) else [kind, options]
        inputs = {g: {k: spec(*v) for k, v in d.items()} for g, d in
                  (("required", self.required), ("optional", self.optional)) if d}
        return {"input": inputs, "input_order": {g: list(d) for g, d in inputs.items()}, "output": self.gives,
                "output_name": self.gives, "name": name, "output_node": self.output, "category": "fake"}


class Run:
    """One execution: where files go, and what makes them differ."""

    def __init__(self, files, number, shrink):
        self.files, self.number, self.shrink = files, number, shrink
        self.made = []

    def size(self, image):
        return max(8, int(image["w"]) // self.shrink), max(8, int(image["h"]) // self.shrink)

    def seed(self, *what):
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).digest()

    def save(self, data, prefix, ext, type):
        folder, _, stem = prefix.rpartition("/")
        name = f"{stem}_{self.number:05}_.{ext}"
        while (type, folder, name) in self.files:
            name = "x" + name
        self.files[(type, folder, name)] = data
        if type == "output":
            self.made.append(hashlib.blake2b(data, digest_size=32).hexdigest())
        return {"filename": name, "subfolder": folder, "type": type}


def latent(w, h, n=1, frames=1, of=None):
    return {"w": w, "h": h, "n": n, "frames": frames, "of": of}


def sample(run, model, positive, negative, latent_image, **settings):
    return ({**latent_image, "of": [model, positive, negative, latent_image["of"], settings]},)


def decode(run, samples, vae):
    return ({**samples, "vae": vae},)


def save_images(type):
    def save(run, images, filename_prefix="ComfyUI"):
        w, h = run.size(images)
        return {"images": [run.save(picture(run.seed(images, i), w, h, "image/png"), filename_prefix, "png", type)
                           for i in range(images["n"])]}
    return save


def load_image(run, image):
    return (latent(*run.sizes[image], of=run.digests[image]), "mask")


def film(run, images, fps, container):
    w, h = run.size(images)
    seconds = max(0.2, min(20, round(images["frames"] / fps, 2)))
    return clip(seconds, w // 2 * 2, h // 2 * 2, audio=bool(images.get("audio")), container=container)


def combine(run, images, frame_rate, filename_prefix, format, audio=None):
    """Video Helper Suite names its lists gifs."""
    return {"gifs": [{**run.save(film(run, {**images, "audio": audio}, frame_rate, "mp4"), filename_prefix, "mp4", "output"),
                      "format": format, "frame_rate": frame_rate}]}


def save_video(run, video, filename_prefix, format, codec):
    return {"images": [run.save(film(run, video, video["fps"], "mp4"), filename_prefix, "mp4", "output")], "animated": [True]}


def flac(seconds, seed):
    """By way of a file: only then its head tells how long it is."""
    with tempfile.NamedTemporaryFile(suffix=".flac") as f:
        ffmpeg("-f", "lavfi", "-i", f"sine=frequency={220 + seed}:duration={seconds}", "-y", f.name, "-f", "null")
        return f.read()


def save_audio(ext):
    def save(run, audio, filename_prefix, **_):
        seconds, seed = max(0.2, audio["seconds"]), run.seed(audio)[0]
        data = sound(seconds, "mp3", seed) if ext == "mp3" else flac(seconds, seed)
        return {"audio": [run.save(data, filename_prefix, ext, "output")]}
    return save


NODES = {
    "CheckpointLoaderSimple": Node({"ckpt_name": (CHECKPOINTS, {})}, ["MODEL", "CLIP", "VAE"],
                                   lambda run, ckpt_name: ([ckpt_name], [ckpt_name], ckpt_name)),
    "UNETLoader": Node({"unet_name": (["flux.safetensors"], {}), "weight_dtype": (["default", "fp8"], {})}, ["MODEL"],
                       lambda run, unet_name, weight_dtype: ([unet_name],)),
    "LoraLoader": Node({"model": ("MODEL", {}), "clip": ("CLIP", {}), "lora_name": (LORAS, {}),
                        "strength_model": real(-100, 100, 1), "strength_clip": real(-100, 100, 1)}, ["MODEL", "CLIP"],
                       lambda run, model, clip, lora_name, strength_model, strength_clip:
                       (model + [lora_name, strength_model], clip + [lora_name, strength_clip])),
    "CLIPSetLastLayer": Node({"clip": ("CLIP", {}), "stop_at_clip_layer": whole(-24, -1, -1)}, ["CLIP"],
                             lambda run, clip, stop_at_clip_layer: (clip + [stop_at_clip_layer],)),
    "CLIPTextEncode": Node({"text": TEXT, "clip": ("CLIP", {})}, ["CONDITIONING"],
                           lambda run, text, clip: ([text, clip],)),
    "EmptyLatentImage": Node({"width": SIZE, "height": SIZE, "batch_size": whole(1, 4096, 1)}, ["LATENT"],
                             lambda run, width, height, batch_size: (latent(width, height, batch_size),)),
    "EmptyHunyuanLatentVideo": Node({"width": SIZE, "height": SIZE, "length": whole(1, 16384, 25),
                                     "batch_size": whole(1, 4096, 1)}, ["LATENT"],
                                    lambda run, width, height, length, batch_size: (latent(width, height, frames=length),)),
    "EmptyLatentAudio": Node({"seconds": real(1, 1000, 47.6), "batch_size": whole(1, 4096, 1)}, ["LATENT"],
                             lambda run, seconds, batch_size: ({**latent(0, 0), "seconds": seconds},)),
    "KSampler": Node({"model": ("MODEL", {}), "seed": whole(0, SEED_MAX), "steps": whole(1, 10000, 20),
                      "cfg": real(0, 100, 8), "sampler_name": (SAMPLERS, {}), "scheduler": (SCHEDULERS, {}),
                      "positive": ("CONDITIONING", {}), "negative": ("CONDITIONING", {}),
                      "latent_image": ("LATENT", {}), "denoise": real(0, 1, 1)}, ["LATENT"], sample),
    "VAEDecode": Node({"samples": ("LATENT", {}), "vae": ("VAE", {})}, ["IMAGE"], decode),
    "VAEEncode": Node({"pixels": ("IMAGE", {}), "vae": ("VAE", {})}, ["LATENT"], lambda run, pixels, vae: (pixels,)),
    "VAEDecodeAudio": Node({"samples": ("LATENT", {}), "vae": ("VAE", {})}, ["AUDIO"], decode),
    "LoadImage": Node({"image": ("INPUT_FILE", {"image_upload": True})}, ["IMAGE", "MASK"], load_image),
    "ImageScale": Node({"image": ("IMAGE", {}), "upscale_method": (["nearest-exact", "bilinear", "lanczos"], {}),
                        "width": whole(0, 16384, 512), "height": whole(0, 16384, 512), "crop": (["disabled", "center"], {})},
                       ["IMAGE"], lambda run, image, upscale_method, width, height, crop: ({**image, "w": width, "h": height},)),
    "SaveImage": Node({"images": ("IMAGE", {}), "filename_prefix": ("STRING", {"default": "ComfyUI"})}, [],
                      save_images("output"), output=True),
    "PreviewImage": Node({"images": ("IMAGE", {})}, [], save_images("temp"), output=True),
    "CreateVideo": Node({"images": ("IMAGE", {}), "fps": real(1, 120, 30)}, ["VIDEO"],
                        lambda run, images, fps, audio=None: ({**images, "fps": fps, "audio": audio},),
                        {"audio": ("AUDIO", {})}),
    "SaveVideo": Node({"video": ("VIDEO", {}), "filename_prefix": ("STRING", {}), "format": (["auto", "mp4"], {}),
                       "codec": (["auto", "h264"], {})}, [], save_video, output=True),
    "VHS_VideoCombine": Node({"images": ("IMAGE", {}), "frame_rate": real(1, 120, 8), "filename_prefix": ("STRING", {}),
                              "format": (["video/h264-mp4"], {})}, [], combine, {"audio": ("AUDIO", {})}, output=True),
    "SaveAudio": Node({"audio": ("AUDIO", {}), "filename_prefix": ("STRING", {})}, [], save_audio("flac"), output=True),
    "SaveAudioMP3": Node({"audio": ("AUDIO", {}), "filename_prefix": ("STRING", {}), "quality": (["V0", "128k"], {})}, [],
                         save_audio("mp3"), output=True),
    "PrimitiveInt": Node({"value": whole(-2**63, 2**63)}, ["INT"], lambda run, value: (value,)),
    "PrimitiveString": Node({"value": ("STRING", {})}, ["STRING"], lambda run, value: (value,)),
    "UpscaleModelLoader": Node({"model_name": (["4x_fine.pth"], {})}, ["UPSCALE_MODEL"], lambda run, model_name: (model_name,)),
}
