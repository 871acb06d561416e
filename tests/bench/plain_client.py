"""What a careful program of the usual kind costs: asyncio, kept connections, json, base64, a file.
   plain_client.py URL COUNT CONNECTIONS DIR      prints the same line of JSON as the other clients"""
import asyncio
import base64
import json
import resource
import sys
import time
from urllib.parse import urlsplit

BODY = json.dumps({"contents": [{"role": "user", "parts": [{"text": "A quiet harbour at dawn"}]}],
                   "generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}).encode()


async def ask(reader, writer, head):
    writer.write(head + BODY)
    answer = await reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer.decode())
    length = next(int(line[15:]) for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return json.loads(await reader.readexactly(length))


async def work(url, numbers, folder):
    reader, writer = await asyncio.open_connection(url.hostname, url.port, limit=1 << 20)
    head = (f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
            f"x-goog-api-key: benchmark\r\nContent-Length: {len(BODY)}\r\n\r\n").encode()
    for n in numbers:
        answer = await ask(reader, writer, head)
        data = next(p["inlineData"]["data"] for p in answer["candidates"][0]["content"]["parts"] if "inlineData" in p)
        with open(f"{folder}/{n:06}.jpg", "wb") as f:
            f.write(base64.b64decode(data))
    writer.close()


async def main(url, count, connections, folder):
    numbers = iter(range(count))
    await asyncio.gather(*(work(urlsplit(url), numbers, folder) for _ in range(connections)))


def cpu():
    r = resource.getrusage(resource.RUSAGE_SELF)
    return r.ru_utime + r.ru_stime


if __name__ == "__main__":
    began, spent = time.monotonic(), cpu()
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
    print(json.dumps({"seconds": time.monotonic() - began, "cpu": cpu() - spent,
                      "rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
