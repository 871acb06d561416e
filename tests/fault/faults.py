"""What the fault suite looks for after something went wrong."""
import hashlib
import io
import json
import os
import sqlite3
import subprocess

import pytest
from PIL import Image

MEDIA = (".jpg", ".png", ".webp", ".mp4")
PRICE = 0.0336  # of the default model's picture

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make file systems and mount them")


def b2(data):
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def whole(lib, result):
    """The result decodes to its last pixel or frame and is what its sidecar says; returns its digest."""
    data = lib.bytes(result)
    if result.endswith(".mp4"):
        decoded = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", "pipe:0", "-f", "null", "-"], input=data,
                                 stderr=subprocess.PIPE, timeout=60, check=False)
        assert decoded.returncode == 0 and not decoded.stderr, decoded.stderr
    else:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
    side = lib.sidecar(result)
    assert side["ymago"]["b2"] == b2(data), result
    assert side["generation_parameters"]["file_size_bytes"] == len(data), result
    return side["ymago"]["b2"]


def results(lib, folder="images"):
    return [f"{folder}/{n}" for n in lib.listing(folder) if n.endswith(MEDIA)]


def nothing_torn(lib, folder="images"):
    """Every visible picture is whole, every sidecar has its picture, nothing half-made lies about."""
    names = set(lib.listing(folder))
    for name in names:
        assert not name.startswith("."), names
        if name.endswith(".json"):
            assert name[:-len(".json")] in names, f"{name} without its picture in {sorted(names)}"
            json.loads(lib.bytes(f"{folder}/{name}"))
    for result in results(lib, folder):
        whole(lib, result)


def is_one_of(lib, result, made):
    """The result was made for its very prompt: made[prompt] are digests that the provider tells."""
    prompt = lib.sidecar(result)["prompt"]
    assert whole(lib, result) in made.get(prompt, ()), f"{result} is not a picture of {prompt!r}"
    return prompt


class Journal:
    """What a library's journal says; only while it is not mounted."""

    def __init__(self, lib):
        assert not lib.mounted()
        self.db = sqlite3.connect(f"file:{lib.dir}/.ymago/journal.db?mode=ro", uri=True)

    def count(self, sql, *args):
        return self.db.execute(sql, args).fetchone()[0]

    def attempts(self):
        return self.count("SELECT count(*) FROM attempt")

    def spent_usd(self):
        return self.count("SELECT coalesce(sum(amount), 0) FROM spend") / 1e6

    def states(self):
        return dict(self.db.execute("SELECT state, count(*) FROM job GROUP BY state"))

    def __enter__(self):
        assert self.count("PRAGMA integrity_check") == "ok"
        return self

    def __exit__(self, *exc):
        self.db.close()
