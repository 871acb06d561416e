#!/usr/bin/env python3
"""A strict fake of ElevenLabs: speech, speech with the times of its characters, sound effects, voices, models.

    elevenlabs.py --port 0 [--tier pro] [--credits 10000] [--concurrent 2] [--latency 0.5] [--key KEY]

Needs ffmpeg. Prints "PORT n" once it listens. What the service refuses is refused with its own errors; what it takes
is answered with real sound. server.py describes how to make it misbehave. Behaviours of its own:
    refuse       status (default 429), code, message, shape ("now" | "old" | "fields"), headers ({name: value})
    picture      a picture in place of the sound
    no_times     sound without alignment
    half_base64  sound whose base64 ends in the middle of a group
"""
import argparse
import base64
import hashlib
import io
import json
import re
import threading
import urllib.parse
import wave

import server
from clips import ffmpeg
from pictures import picture
from server import Answer, Refusal

SPEECH = {"eleven_multilingual_v2": (10000, 1), "eleven_multilingual_v1": (10000, 1), "eleven_v3": (5000, 1),
          "eleven_flash_v2_5": (40000, 0.5), "eleven_turbo_v2_5": (40000, 0.5), "eleven_flash_v2": (30000, 0.5),
          "eleven_turbo_v2": (30000, 0.5)}
EFFECTS = "eleven_text_to_sound_v2"
RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
FORMATS = ({f"mp3_44100_{k}" for k in (32, 64, 96, 128, 192)} | {f"opus_48000_{k}" for k in (32, 64, 96, 128, 192)}
           | {"mp3_22050_32", "mp3_24000_48", "ulaw_8000", "alaw_8000"} | {f"pcm_{r}" for r in RATES}
           | {f"wav_{r}" for r in RATES})
TIERS = ("free", "starter", "creator", "pro")
VOICES = [("JBFqnCBsd6RMkjVDRZzb", "George - Warm, Captivating Storyteller"), ("21m00Tcm4TlvDq8ikWAM", "Rachel"),
          ("EXAVITQu4vr4xnSDxMaL", "Sarah - Mature, Reassuring, Confident"), ("AAAAAAAAAAAAAAAAAAA1", "Twin"),
          ("AAAAAAAAAAAAAAAAAAA2", "Twin")]

number = (int, float)
UNIT = (number, 0, 1)
SETTINGS = {"stability": UNIT, "similarity_boost": UNIT, "style": UNIT, "use_speaker_boost": (bool, None, None),
            "speed": (number, 0.7, 1.2)}
TEXT = (str, None, None)
IDS = (list, 0, 3)
SPEECH_FIELDS = {"text": TEXT, "model_id": TEXT, "language_code": TEXT, "voice_settings": (dict, None, None),
                 "pronunciation_dictionary_locators": IDS, "seed": (int, 0, 4294967295), "previous_text": TEXT,
                 "next_text": TEXT, "previous_request_ids": IDS, "next_request_ids": IDS,
                 "use_pvc_as_ivc": (bool, None, None), "apply_text_normalization": TEXT,
                 "apply_language_text_normalization": (bool, None, None), "audio_effects": (list, None, None)}
EFFECT_FIELDS = {"text": TEXT, "duration_seconds": (number, 0.5, 30), "prompt_influence": UNIT,
                 "loop": (bool, None, None), "model_id": TEXT}
QUERY = {"output_format", "enable_logging", "optimize_streaming_latency"}


def error(status, code, message, shape="now", headers=()):
    if shape == "fields":
        detail = [{"loc": ["body", code], "msg": message, "type": "value_error"}]
    elif shape == "old":
        detail = {"status": code, "message": message}
    else:
        detail = {"type": "error", "code": code, "message": message, "status": code, "request_id": "q-1"}
    return status, json.dumps({"detail": detail}).encode(), list(headers)


def refuse(*args, **more):
    raise Refusal(*error(*args, **more))


class Fields:
    """Collects what is wrong with a body, as a validating server lists it."""

    def __init__(self):
        self.wrong = []

    def bad(self, where, message, kind="value_error"):
        self.wrong.append({"loc": list(where), "msg": message, "type": kind})

    def value(self, v, rule, where):
        kind, low, high = rule
        right = isinstance(v, kind) and (kind is bool or not isinstance(v, bool))
        if not right:
            return self.bad(where, "Input should be a valid value", "type_error")
        size = len(v) if kind is list else v
        if low is not None and not low <= size <= high:
            self.bad(where, f"Input should be from {low} to {high}", "range_error")
        return None

    def check(self, body, rules, where=("body",)):
        for key, v in body.items():
            if key in rules:
                self.value(v, rules[key], (*where, key))
            else:
                self.bad((*where, key), "Extra inputs are not permitted", "extra_forbidden")

    def done(self):
        if self.wrong:
            raise Refusal(422, json.dumps({"detail": self.wrong}).encode())


def wav(pcm, rate):
    out = io.BytesIO()
    with wave.open(out, "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(rate)
        f.writeframes(pcm)
    return out.getvalue()


def sound(seconds, format, seed):
    """A tone of that length in one of the service's formats, and its type."""
    codec, rate, *bits = format.split("_")
    tone = ["-f", "lavfi", "-i", f"sine=frequency={220 + seed % 40 * 11}:duration={seconds:.3f}", "-ac", "1", "-ar", rate]
    if codec == "mp3":
        return ffmpeg(*tone, "-c:a", "libmp3lame", "-b:a", bits[0] + "k", "-f", "mp3"), "audio/mpeg"
    if codec == "opus":
        return ffmpeg(*tone, "-c:a", "libopus", "-b:a", bits[0] + "k", "-f", "ogg"), "audio/opus"
    if codec in ("ulaw", "alaw"):
        return ffmpeg(*tone, "-c:a", "pcm_mulaw" if codec == "ulaw" else "pcm_alaw", "-f", codec.replace("u", "mu", 1)
                      if codec == "ulaw" else codec), "audio/basic"
    pcm = ffmpeg(*tone, "-f", "s16le")
    return (wav(pcm, int(rate)), "audio/wav") if codec == "wav" else (pcm, "audio/pcm")


class ElevenLabs:
    kinds = {"refuse", "picture", "no_times", "half_base64"}

    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.credits = options.credits
        self.numbers = 0
        self.state = None

    # ---- who and what ----

    def key_of(self, x):
        return x.headers.get("xi-api-key")

    def check_key(self, x):
        if self.key_of(x) != self.options.key:
            self.state.count(wrong_key=1)
            refuse(401, "invalid_api_key", "Invalid API key")

    def read(self, x, rules):
        if x.headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
            refuse(422, "body", "Input should be a valid dictionary", shape="fields")
        try:
            body = json.loads(x.body.decode())
        except ValueError:
            refuse(422, "body", "JSON decode error", shape="fields")
        fields = Fields()
        if not isinstance(body, dict) or not isinstance(body.get("text"), str):
            fields.bad(("body", "text"), "Field required", "missing")
            fields.done()
        fields.check(body, rules)
        if isinstance(body.get("voice_settings"), dict):
            fields.check(body["voice_settings"], SETTINGS, ("body", "voice_settings"))
        if body.get("apply_text_normalization", "auto") not in ("auto", "on", "off"):
            fields.bad(("body", "apply_text_normalization"), "Input should be 'auto', 'on' or 'off'")
        for key in self.query(x):
            if key not in QUERY:
                fields.bad(("query", key), "Extra inputs are not permitted", "extra_forbidden")
        fields.done()
        return body

    def query(self, x):
        return dict(urllib.parse.parse_qsl(x.query, keep_blank_values=True))

    def format_of(self, x):
        name = self.query(x).get("output_format", "mp3_44100_128")
        if name not in FORMATS:
            raise Refusal(422, json.dumps({"detail": [{"loc": ["query", "output_format"], "msg": "unknown format",
                                                       "type": "enum"}]}).encode())
        least = "creator" if name == "mp3_44100_192" else "pro" if re.match(r"(pcm|wav)_44100", name) else "free"
        if TIERS.index(self.options.tier) < TIERS.index(least):
            refuse(403, "output_format_not_allowed", f"Output format '{name}' is only available on the {least} tier "
                                                     "and above.", shape="old")
        return name

    def take(self, x, credits):
        """Under the limits: requests at once, and the account's credits."""
        with self.state.lock:
            now = self.state.counts["in_flight"]
        if now > self.options.concurrent:
            refuse(429, "concurrent_limit_exceeded", "Too many concurrent requests. Your current subscription is "
                   f"associated with a maximum of {self.options.concurrent} concurrent requests.",
                   headers=self.concurrency(now))
        with self.lock:
            if credits > self.credits:
                refuse(401, "quota_exceeded", f"This request exceeds your quota. You have {self.credits} credits "
                                              f"remaining, while {credits} credits are required for this request.")
            self.credits -= credits
            self.numbers += 1
            x.number = self.numbers
        x.credits = credits
        return now

    def concurrency(self, now):
        return [("current-concurrent-requests", str(now)), ("maximum-concurrent-requests", str(self.options.concurrent))]

    def made(self, x, seconds, format, seed):
        data, kind = sound(seconds, format, seed)
        x.made = [hashlib.blake2b(data, digest_size=32).hexdigest()]
        return data, kind

    # ---- routes ----

    def handle(self, x):
        routes = [("POST", r"/v1/text-to-speech/([^/]+)", self.speech),
                  ("POST", r"/v1/text-to-speech/([^/]+)/(with-timestamps)", self.speech),
                  ("POST", r"/v1/sound-generation", self.effect),
                  ("GET", r"/v2/voices", self.voices), ("GET", r"/v1/voices", self.all_voices),
                  ("GET", r"/v1/models", self.models), ("GET", r"/v1/user/subscription", self.subscription)]
        for method, pattern, function in routes:
            m = re.fullmatch(pattern, x.path)
            if m and x.method == method:
                self.check_key(x)
                return function(x, *m.groups())
        raise Refusal(404, b'{"detail":"Not Found"}')

    def speech(self, x, voice, timed=None):
        body = self.read(x, SPEECH_FIELDS)
        format = self.format_of(x)
        if voice not in [v for v, _ in VOICES]:
            refuse(404, "voice_not_found", f"A voice with the voice_id {voice} was not found.", shape="old")
        model = body.get("model_id", "eleven_multilingual_v2")
        if model not in SPEECH:
            refuse(400, "model_not_found", f"A model with model ID {model} does not exist.")
        most, factor = SPEECH[model]
        text = body["text"]
        if not text.strip() or len(text) > most:
            refuse(400, "max_character_limit_exceeded" if text else "invalid_parameters", f"{len(text)} of {most}", shape="old")
        now = self.take(x, int(len(text) * factor + 0.5))
        x.prompt, x.text = text, text
        speed = body.get("voice_settings", {}).get("speed", 1)
        x.seconds = max(0.3, len(text) / 15 / speed)
        data, kind = self.made(x, x.seconds, format, body.get("seed", x.number))
        headers = [("request-id", f"req-{x.number}"), ("character-cost", str(x.credits)), *self.concurrency(now)]
        if not timed:
            return Answer(data, headers=headers, paid=True, chunked=True, type=kind)
        return Answer(self.timed(x, data, self.times(x)), headers=headers, paid=True, type="application/json")

    def times(self, x):
        step = x.seconds / len(x.text)
        return {"characters": list(x.text), "character_start_times_seconds": [round(i * step, 3) for i in range(len(x.text))],
                "character_end_times_seconds": [round((i + 1) * step, 3) for i in range(len(x.text))]}

    def timed(self, x, data, times):
        x.data = data
        return json.dumps({"audio_base64": base64.b64encode(data).decode(), "alignment": times,
                           "normalized_alignment": times}).encode()

    def effect(self, x):
        body = self.read(x, EFFECT_FIELDS)
        format = self.format_of(x)
        if body.get("model_id", EFFECTS) != EFFECTS:
            refuse(400, "model_not_found", "no such model")
        if not body["text"] or len(body["text"]) > 450:
            refuse(400, "invalid_parameters", "Text must be from 1 to 450 characters.")
        now = self.take(x, int(40 * body["duration_seconds"]) if "duration_seconds" in body else 200)
        x.prompt = x.text = body["text"]
        x.seconds = body.get("duration_seconds", 2)
        data, kind = self.made(x, x.seconds, format, x.number)
        return Answer(data, headers=[("request-id", f"req-{x.number}"), ("character-cost", str(x.credits)),
                                     *self.concurrency(now)], paid=True, chunked=True, type=kind)

    # ---- lists ----

    def voice_json(self, id, name):
        return {"voice_id": id, "name": name, "category": "premade", "labels": {"gender": "neutral"},
                "description": "x" * 300, "preview_url": "https://example.invalid/preview.mp3"}

    def voices(self, x):
        q = self.query(x)
        size = int(q.get("page_size", 10))
        if size > 100 or size < 1:
            refuse(422, "page_size", "Input should be less than or equal to 100", shape="fields")
        found = [v for v in VOICES if q.get("search", "").lower() in v[1].lower()]
        size = min(size, self.options.page)
        at = int(q.get("next_page_token") or 0)
        more = at + size < len(found)
        return Answer(json.dumps({"voices": [self.voice_json(*v) for v in found[at:at + size]], "has_more": more,
                                  "total_count": len(found), "next_page_token": str(at + size) if more else None}).encode())

    def all_voices(self, x):
        return Answer(json.dumps({"voices": [self.voice_json(*v) for v in VOICES]}).encode())

    def models(self, x):
        return Answer(json.dumps([{"model_id": m, "name": m, "can_do_text_to_speech": True, "languages": [],
                                   "maximum_text_length_per_request": most} for m, (most, _) in SPEECH.items()]
                                 + [{"model_id": "eleven_english_sts_v2", "can_do_text_to_speech": False}]).encode())

    def subscription(self, x):
        with self.lock:
            left = self.credits
        return Answer(json.dumps({"tier": self.options.tier, "character_count": self.options.credits - left,
                                  "character_limit": self.options.credits}).encode())

    # ---- misbehaviour ----

    def error_body(self, status, b, message):
        code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status, "internal_error")
        return error(status, b.get("code", code), message or b.get("message", "Something is wrong."))[1]

    def broken_answer(self, x, b, answer):
        make = getattr(self, "make_" + b["do"], None)
        return make(x, b, answer) if make else None

    def make_refuse(self, x, b, answer):
        status, body, headers = error(b.get("status", 429), b.get("code", "rate_limit_exceeded"), b.get("message", "No."),
                                      b.get("shape", "now"), b.get("headers", {}).items())
        return Answer(body, status, headers)

    def make_picture(self, x, b, answer):
        return Answer(picture(b"x", 64, 64, "image/png"), paid=True, type="image/png")

    def make_no_times(self, x, b, answer):
        return Answer(self.timed(x, x.data, None), headers=answer.headers, paid=True)

    def make_half_base64(self, x, b, answer):
        text = base64.b64encode(x.data).decode()
        return Answer(json.dumps({"audio_base64": text[:len(text) // 8 * 4 + 1], "alignment": None}).encode(), paid=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    server.add_options(parser)
    parser.add_argument("--tier", choices=TIERS, default="creator", help="plan of the account")
    parser.add_argument("--credits", type=int, default=1000000, help="what the account has left")
    parser.add_argument("--concurrent", type=int, default=5, help="requests at once")
    parser.add_argument("--page", type=int, default=100, help="voices on a page, at most")
    options = parser.parse_args()
    server.run(ElevenLabs(options), options)


if __name__ == "__main__":
    main()
