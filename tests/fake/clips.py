"""Real clips and sounds, made by ffmpeg, the same for the same arguments."""
import functools
import subprocess


def ffmpeg(*arguments):
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *[str(a) for a in arguments], "pipe:1"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return done.stdout


@functools.lru_cache(maxsize=64)
def clip(seconds, width=320, height=180, audio=True, seed=0, container="mp4") -> bytes:
    """H.264 (or VP8 in webm) with a tone; fragmented, since it is made through a pipe."""
    video = f"testsrc2=size={width // 2 * 2}x{height // 2 * 2}:rate=12:duration={seconds}"
    sound = f"sine=frequency={220 + seed % 40 * 11}:duration={seconds}"
    inputs = ["-f", "lavfi", "-i", video] + (["-f", "lavfi", "-i", sound] if audio else [])
    codec = (["-c:v", "libvpx", "-b:v", "200k", "-c:a", "libvorbis"] if container == "webm" else
             ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac",
              "-movflags", "frag_keyframe+empty_moov"])
    return ffmpeg(*inputs, *codec, "-t", seconds, "-f", container)


@functools.lru_cache(maxsize=64)
def sound(seconds, format="mp3", seed=0) -> bytes:
    """format: mp3, wav, ogg, flac."""
    return ffmpeg("-f", "lavfi", "-i", f"sine=frequency={220 + seed % 40 * 11}:duration={seconds}", "-f", format)


def length(data: bytes) -> float:
    """Seconds that the clip or sound lasts."""
    done = subprocess.run(["ffprobe", "-v", "error", "-count_packets", "-show_entries", "packet=pts_time,duration_time",
                           "-of", "csv=p=0", "-"], input=data, stdout=subprocess.PIPE, timeout=60, check=True)
    rows = [line.split(",") for line in done.stdout.decode().split()]
    return max(float(r[0]) + float(r[1] if r[1] != "N/A" else 0) for r in rows if r[0] != "N/A")
