#!/usr/bin/python3
"""Makes the seed files of corpus/media: whole files of every kind, as small as they can be.

usage: make_media.py FOLDER

Pictures come from Pillow's encoders; films and sounds are put together here box by box, with what a
prober looks at and no decodable content. tests/unit/test_media_probe.c knows what each one says.
"""
import struct
import sys
from pathlib import Path

from PIL import Image

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def picture():
    image = Image.new("RGB", (37, 21))
    image.putdata([(x * 6, y * 12, x * y % 256) for y in range(21) for x in range(37)])
    return image


def pictures(folder):
    image = picture()
    image.save(folder / "plain.png")
    image.save(folder / "plain.jpg")
    image.save(folder / "progressive.jpg", progressive=True)
    image.save(folder / "lossy.webp")
    image.save(folder / "lossless.webp", lossless=True)
    image.save(folder / "plain.gif")
    frames = [image.rotate(90), image.rotate(180)]
    image.save(folder / "moving.gif", save_all=True, append_images=frames)
    image.save(folder / "moving.webp", save_all=True, append_images=frames)
    png = (folder / "plain.png").read_bytes()
    manifest = struct.pack(">I", 4) + b"caBX" + b"jumb" + b"\0\0\0\0"
    (folder / "c2pa.png").write_bytes(png[:33] + manifest + png[33:])
    jpg = (folder / "plain.jpg").read_bytes()
    jumbf = b"JP\0\1\0\0\0\1" + box(b"jumb", box(b"jumd", b"c2pa\0\x11\0\x10"))
    app11 = b"\xff\xeb" + struct.pack(">H", len(jumbf) + 2) + jumbf
    (folder / "c2pa.jpg").write_bytes(jpg[:2] + app11 + jpg[2:])
    (folder / "trailing.jpg").write_bytes(jpg + b"\0" * 100)
    webp = (folder / "moving.webp").read_bytes()
    webp = webp[8:30] + chunk(b"C2PA", b"jumbf") + webp[30:]  # behind VP8X
    (folder / "c2pa.webp").write_bytes(chunk(b"RIFF", webp))


# ---- ISO base media ----
def box(kind, body):
    return struct.pack(">I", len(body) + 8) + kind + body


def full(kind, version, body):
    return box(kind, struct.pack(">I", version << 24) + body)


def large_box(kind, body):
    return struct.pack(">I", 1) + kind + struct.pack(">Q", len(body) + 16) + body


def ftyp(major, *others):
    return box(b"ftyp", major + b"\0\0\2\0" + b"".join((major,) + others))


def track(handler, width, height):
    tkhd = full(b"tkhd", 0, b"\0" * 72 + struct.pack(">II", width << 16, height << 16))
    hdlr = full(b"hdlr", 0, b"\0" * 4 + handler + b"\0" * 13)
    return box(b"trak", tkhd + box(b"mdia", hdlr))


def movie(duration, version, *tracks):
    if version == 1:
        times = struct.pack(">QQIQ", 0, 0, 1000, duration)
    else:
        times = struct.pack(">IIII", 0, 0, 1000, duration)
    return box(b"moov", full(b"mvhd", version, times + b"\0" * 80) + b"".join(tracks))


def still(brand, others, *sizes):
    spaces = b"".join(full(b"ispe", 0, struct.pack(">II", w, h)) for w, h in sizes)
    iprp = box(b"iprp", box(b"ipco", spaces))
    return ftyp(brand, *others) + full(b"meta", 0, iprp) + box(b"mdat", b"picture")


def films(folder):
    video, sound = track(b"vide", 640, 360), track(b"soun", 0, 0)
    mdat = box(b"mdat", b"frames")
    put = lambda name, *parts: (folder / name).write_bytes(b"".join(parts))
    head = ftyp(b"isom", b"mp42")
    put("plain.mp4", head, movie(4966, 0, video, sound), mdat)
    put("late-moov.mp4", head, large_box(b"mdat", b"frames"), movie(4966, 1, sound, video))
    put("open.mp4", head, movie(0, 0, video), struct.pack(">I", 0) + b"mdat" + b"to the end")
    put("c2pa.mp4", head, box(b"uuid", C2PA_UUID + b"manifest"), movie(10, 0, video), mdat)
    put("sound-only.mp4", head, movie(3000, 0, sound), mdat)
    put("plain.m4a", ftyp(b"M4A ", b"isom"), movie(3000, 0, sound), mdat)
    put("plain.mov", ftyp(b"qt  "), movie(1500, 0, video), mdat)
    put("plain.avif", still(b"avif", (b"mif1", b"miaf"), (37, 21)))
    put("tiles.heic", still(b"mif1", (b"heic",), (512, 512), (1000, 700), (64, 64)))


# ---- EBML ----
def el(ident, body):
    return ident + struct.pack(">Q", 1 << 56 | len(body)) + body


def short_el(ident, body):
    return ident + bytes([0x80 | len(body)]) + body


def ebml(doctype):
    return short_el(b"\x1a\x45\xdf\xa3", short_el(b"\x42\x86", b"\1") + short_el(b"\x42\x82", doctype))


def segment_body():
    duration = short_el(b"\x44\x89", struct.pack(">d", 8200.0))
    info = short_el(b"\x15\x49\xa9\x66", short_el(b"\x2a\xd7\xb1", b"\x0f\x42\x40") + duration)
    video = short_el(b"\xe0", short_el(b"\xb0", b"\x01\x90") + short_el(b"\xba", b"\xfa"))
    tracks = el(b"\x16\x54\xae\x6b", short_el(b"\xae", short_el(b"\x83", b"\1") + video))
    return info + tracks


def webms(folder):
    cluster = el(b"\x1f\x43\xb6\x75", b"blocks")
    body = segment_body() + cluster
    (folder / "plain.webm").write_bytes(ebml(b"webm") + el(b"\x18\x53\x80\x67", body))
    (folder / "plain.mkv").write_bytes(ebml(b"matroska") + el(b"\x18\x53\x80\x67", body))
    live = b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + body
    (folder / "live.webm").write_bytes(ebml(b"webm") + live)


# ---- sounds ----
def chunk(kind, body):
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def wav(told_riff=None, told_data=None, extra=b""):
    fmt = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16))
    data = b"\0\1" * 4000
    size = struct.pack("<I", len(data) if told_data is None else told_data)
    body = b"WAVE" + fmt + extra + b"data" + size + data
    return b"RIFF" + struct.pack("<I", len(body) if told_riff is None else told_riff) + body


def ogg_page(kind, granule, number, body):
    segments = bytes([255] * (len(body) // 255) + [len(body) % 255])
    return (b"OggS\0" + bytes([kind]) + struct.pack("<qIII", granule, 7, number, 0)
            + bytes([len(segments)]) + segments + body)


def ogg(first, granule):
    return (ogg_page(2, 0, 0, first) + ogg_page(0, 0, 1, b"comments")
            + ogg_page(4, granule, 2, b"x" * 600))


def flac():
    rate_and_samples = struct.pack(">Q", 44100 << 44 | 1 << 41 | 15 << 36 | 44100 * 2)
    info = struct.pack(">HH", 4096, 4096) + b"\0" * 6 + rate_and_samples + b"\0" * 16
    comment = b"\x84\0\0\4" + b"\0" * 4
    return b"fLaC\0\0\0\x22" + info + comment + b"\xff\xf8\xc9\x18" + b"\0" * 40


def mp3(first=b""):
    frame = b"\xff\xfb\x90\x00" + b"\0" * 413  # 128 kbit/s, 44100 Hz
    return frame[:36] + first + frame[36 + len(first):] + frame * 9


def sounds(folder):
    put = lambda name, data: (folder / name).write_bytes(data)
    put("plain.wav", wav())
    put("open.wav", wav(0xFFFFFFFF, 0xFFFFFFFF))
    put("c2pa.wav", wav(extra=chunk(b"C2PA", b"jumbf")))
    put("opus.ogg", ogg(b"OpusHead\1\2" + struct.pack("<HIHB", 312, 48000, 0, 0), 48312))
    put("vorbis.ogg", ogg(b"\1vorbis" + struct.pack("<IBI", 0, 2, 44100) + b"\0" * 14, 88200))
    put("plain.flac", flac())
    put("plain.mp3", mp3())
    put("index.mp3", b"ID3\4\0\0\0\0\0\x0a" + b"\0" * 10 + mp3(b"Xing\0\0\0\1" + struct.pack(">I", 100)))
    put("plain.aac", (b"\xff\xf1\x50\x80\x02\x1f\xfc" + b"\0" * 9) * 3)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    pictures(folder)
    films(folder)
    webms(folder)
    sounds(folder)


main()
