"""The Files API: resumable uploads, what was generated, downloads with or without a redirect."""
import hashlib
import itertools
import json
import re
import threading

from gemini_words import refuse
from pictures import is_picture
from server import Answer, Refusal


class File:
    def __init__(self, name, mime, data, generated, looks=0):
        self.name, self.mime, self.data, self.generated, self.looks = name, mime, data, generated, looks


class Files:
    """looks: how often an upload is still PROCESSING. redirect: downloads are sent on to another origin,
    which answers to a signature and must never see the key."""

    def __init__(self, looks, redirect):
        self.looks, self.redirect = looks, redirect
        self.lock = threading.Lock()
        self.files, self.uploads, self.numbers = {}, {}, itertools.count(1)
        self.early = {}  # name: how many downloads come too early

    def new_name(self):
        with self.lock:
            return f"f{next(self.numbers):04d}{hashlib.sha256(str(id(self)).encode()).hexdigest()[:8]}"

    def add(self, mime, data, generated=True, looks=0):
        file = File(self.new_name(), mime, data, generated, looks)
        self.files[file.name] = file
        return file

    @staticmethod
    def origin(x):
        return f"http://{x.headers.get('Host')}"

    def uri(self, x, file):
        return f"{self.origin(x)}/v1beta/files/{file.name}"

    def show(self, x, file):
        out = {"name": "files/" + file.name, "displayName": "reference", "mimeType": file.mime,
               "sizeBytes": str(len(file.data)), "uri": self.uri(x, file),
               "state": "PROCESSING" if file.looks > 0 else "ACTIVE",
               "source": "GENERATED" if file.generated else "UPLOADED"}
        if file.generated:
            out["downloadUri"] = self.uri(x, file) + ":download?alt=media"
        return out

    def find(self, name):
        if name not in self.files:
            refuse(403, f"You do not have permission to access the File {name} or it may not exist.")
        return self.files[name]

    def by_uri(self, uri, mime=None):
        """The upload that a request names."""
        file = self.find(uri.rsplit("/", 1)[-1])
        if file.looks > 0:
            refuse(400, f"The File {file.name} is not in an ACTIVE state and usage is not allowed.",
                   status="FAILED_PRECONDITION")
        if mime and mime != file.mime:
            refuse(400, f"The mime type {mime} is not that of the File {file.name}.")
        return file

    # ---- uploads ----

    def upload(self, x):
        command = x.headers.get("X-Goog-Upload-Command", "")
        if "upload_id=" in x.query:
            return self.upload_bytes(x, command)
        if x.headers.get("X-Goog-Upload-Protocol") != "resumable" or command != "start":
            refuse(400, "Only resumable uploads are taken; they begin with the command start.")
        size = x.headers.get("X-Goog-Upload-Header-Content-Length", "")
        mime = x.headers.get("X-Goog-Upload-Header-Content-Type", "")
        try:
            body = json.loads(x.body)
            file = body["file"]
            unknown = set(body) - {"file"} | set(file) - {"name", "displayName", "mimeType", "sizeBytes"}
        except (ValueError, KeyError, TypeError):
            refuse(400, "Invalid JSON payload received.")
        if unknown:
            refuse(400, f'Invalid JSON payload received. Unknown name "{min(unknown)}".')
        if not size.isdecimal() or int(size) <= 0 or not re.fullmatch(r"[\w.+-]+/[\w.+-]+", mime):
            refuse(400, "The length and the type of what will be uploaded must be said.")
        if file.get("mimeType", mime) != mime or str(file.get("sizeBytes", size)) != size:
            refuse(400, "The file's type and size differ from those in the headers.")
        upload_id = hashlib.sha256(f"{size}{mime}{len(self.uploads)}".encode()).hexdigest()[:40]
        self.uploads[upload_id] = (mime, int(size))
        url = f"{self.origin(x)}/upload/v1beta/files?upload_id={upload_id}&upload_protocol=resumable"
        return Answer(b"", headers=[("X-Goog-Upload-URL", url), ("X-Goog-Upload-Status", "active")])

    def upload_bytes(self, x, command):
        upload_id = re.search(r"upload_id=(\w+)", x.query)[1]
        if upload_id not in self.uploads:
            refuse(404, "The upload is not known or has ended.")
        mime, size = self.uploads[upload_id]
        if command.replace(" ", "") != "upload,finalize" or x.headers.get("X-Goog-Upload-Offset") != "0":
            refuse(400, "The command or the offset is wrong.")
        if len(x.body) != size:
            refuse(400, f"{size} bytes were announced, {len(x.body)} came.")
        if mime.startswith("image/") and not is_picture(x.body):
            refuse(400, "The file is no image.")
        del self.uploads[upload_id]
        file = self.add(mime, x.body, generated=False, looks=self.looks)
        return Answer(json.dumps({"file": self.show(x, file)}).encode(),
                      headers=[("X-Goog-Upload-Status", "final")])

    def get(self, x, name):
        file = self.find(name)
        answer = Answer(json.dumps(self.show(x, file)).encode())
        file.looks -= 1
        return answer

    def delete(self, x, name):
        del self.files[self.find(name).name]
        return Answer(b"{}")

    # ---- downloads ----

    def download(self, x, name):
        file = self.find(name)
        if "alt=media" not in x.query.split("&"):
            refuse(400, "Only alt=media can be downloaded.")
        if not file.generated:
            refuse(400, "Only generated files can be downloaded.", status="FAILED_PRECONDITION")
        if self.early.get(name, 0) > 0:
            self.early[name] -= 1
            refuse(400, f"The File {name} is not in an ACTIVE state and usage is not allowed.",
                   status="FAILED_PRECONDITION")
        if self.redirect:
            port = x.headers.get("Host", "").rpartition(":")[2]
            return Answer(b"", 302, [("Location", f"http://localhost:{port}/_blob/{name}?signature=s")])
        return Answer(file.data, type=file.mime)

    def blob(self, x, name):
        if x.headers.get("x-goog-api-key") or x.headers.get("Authorization"):
            refuse(400, "A key came to another host.")
        if name not in self.files or x.query != "signature=s":
            raise Refusal(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")
        return Answer(self.files[name].data, type=self.files[name].mime)
