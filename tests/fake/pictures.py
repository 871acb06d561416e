"""Real pictures, the same for the same seed bytes."""
import functools
import hashlib
import io
import random

from PIL import Image, ImageDraw

FORMATS = {"image/jpeg": ("JPEG", {"quality": 90}), "image/png": ("PNG", {"compress_level": 1}),
           "image/webp": ("WEBP", {"quality": 80})}


@functools.lru_cache(maxsize=256)
def picture(seed: bytes, width: int, height: int, mime: str) -> bytes:
    rnd = random.Random(hashlib.sha256(seed).digest())
    image = Image.new("RGB", (8, 8))
    image.putdata([tuple(rnd.randrange(256) for _ in range(3)) for _ in range(64)])
    image = image.resize((width, height), Image.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = rnd.randrange(width), rnd.randrange(height)
        r = rnd.randrange(2, max(3, min(width, height) // 6))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(rnd.randrange(256) for _ in range(3)))
    out = io.BytesIO()
    name, options = FORMATS[mime]
    image.save(out, name, **options)
    return out.getvalue()


def is_picture(data: bytes) -> bool:
    """By its first bytes: PNG, JPEG, WebP, HEIC or HEIF."""
    return (data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))
            or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
            or (data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"heif")))
