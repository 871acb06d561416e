"""The Batch API: many generateContent requests in one.

Behaviours, taken when the batch is asked for:
    looks        count: how many looks find it unfinished (default: --looks)
    lose         after: looks, then the service does not know it any more
    fail         code, message: the whole batch fails
    expire       done: how many of the requests were answered (default 0)
    item_fails   index, code, message: one request fails
    reversed     the answers come in another order
"""
import hashlib
import json
import threading

from gemini_check import Invalid, check
from gemini_words import refuse
from server import Answer

INLINE_MAX = 20_000_000


class Batch:
    kinds = {"expire", "item_fails", "reversed"}

    def __init__(self, model, name, responses, looks):
        self.model, self.name, self.responses, self.left, self.looks = model, name, responses, looks, 0
        self.lost_after, self.error, self.ending, self.cancelled = None, None, "SUCCEEDED", False

    def make_looks(self, b, answer):
        self.left = b.get("count", 3)

    def make_lose(self, b, answer):
        self.lost_after = b.get("after", 1)

    def make_fail(self, b, answer):
        self.error = {"code": b.get("code", 13), "message": b.get("message", "An internal error has occurred.")}
        self.ending, self.responses, answer.paid = "FAILED", [], False

    def make_expire(self, b, answer):
        self.ending, self.responses = "EXPIRED", self.responses[:b.get("done", 0)]

    def make_item_fails(self, b, answer):
        item = self.responses[b.get("index", 0)]
        item.pop("response")
        item["error"] = {"code": b.get("code", 13), "message": b.get("message", "An internal error has occurred.")}

    def make_reversed(self, b, answer):
        self.responses.reverse()

    def show(self):
        self.looks += 1
        self.left -= 1
        over = self.left < 0 or self.cancelled
        state = ("CANCELLED" if self.cancelled else self.ending) if over else "PENDING" if self.looks == 1 else "RUNNING"
        count = len(self.responses)
        meta = {"@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
                "model": "models/" + self.model, "displayName": self.display, "state": "BATCH_STATE_" + state,
                "createTime": "2026-11-20T10:00:00Z", "name": self.name,
                "batchStats": {"requestCount": str(self.count), "pendingRequestCount": "0" if over else str(self.count)}}
        if over and count and not self.cancelled:
            meta["output"] = {"inlinedResponses": {"inlinedResponses": self.responses}}
        out = {"name": self.name, "metadata": meta, "done": over}
        if over and self.error:
            out["error"] = self.error
        return Answer(json.dumps(out).encode(), chunked=True)


class Batches:
    def __init__(self, gemini, looks):
        self.gemini, self.looks, self.batches = gemini, looks, {}
        self.lock = threading.Lock()

    @staticmethod
    def only(value, allowed, where):
        if not isinstance(value, dict) or set(value) - set(allowed):
            unknown = sorted(set(value) - set(allowed)) if isinstance(value, dict) else [str(value)[:40]]
            refuse(400, f'Invalid JSON payload received. Unknown name "{unknown[0]}" at \'{where}\': Cannot find field.')

    def items(self, body):
        self.only(body, ["batch"], "")
        batch = body.get("batch", {})
        self.only(batch, ["displayName", "inputConfig", "priority"], "batch")
        self.only(batch.get("inputConfig", {}), ["requests"], "batch.input_config")
        outer = batch.get("inputConfig", {}).get("requests", {})
        self.only(outer, ["requests"], "batch.input_config.requests")
        items = outer.get("requests")
        if not items or not batch.get("displayName"):
            refuse(400, "* BatchGenerateContentRequest.batch: requests and display_name are required\n")
        for i, item in enumerate(items):
            self.only(item, ["request", "metadata"], f"batch.input_config.requests.requests[{i}]")
        return batch["displayName"], items

    def answer_one(self, x, model, item, seed):
        """An item that is wrong in itself fails alone."""
        try:
            request = check(model, item.get("request", {}))
            self.gemini.check_files(request)
        except Invalid as e:
            if e.violations:
                refuse(400, e.message)
            return {"error": {"code": 3, "message": e.message}, "metadata": item.get("metadata", {})}, ""
        g = self.gemini.generation(model, request, seed)
        response = json.loads(g.answer().body)
        x.made += g.made
        prompt = " ".join(p["text"] for p in request["contents"][-1]["parts"] if "text" in p)
        return {"response": response, "metadata": item.get("metadata", {})}, prompt

    def create(self, x, model, body):
        if len(x.body) > INLINE_MAX:
            refuse(400, "Request payload size exceeds the limit: 20000000 bytes.")
        display, items = self.items(body)
        responses, prompts = [], []
        for i, item in enumerate(items):
            seed = hashlib.sha256(x.body + str((i, len(self.batches))).encode()).digest()
            response, prompt = self.answer_one(x, model, item, seed)
            responses.append(response)
            prompts.append(prompt)
        with self.lock:
            name = "batches/" + hashlib.sha256(x.body + str(len(self.batches)).encode()).hexdigest()[:40]
            batch = self.batches[name] = Batch(model.name, name, responses, self.looks)
        batch.display, batch.count = display, len(items)
        x.prompt, x.job = "; ".join(prompts), batch
        shown = {"name": name, "metadata": {"state": "BATCH_STATE_PENDING", "model": "models/" + model.name,
                                            "displayName": display, "batchStats": {"requestCount": str(len(items)),
                                                                                   "pendingRequestCount": str(len(items))}}}
        return Answer(json.dumps(shown).encode(), paid=True)

    def find(self, name):
        batch = self.batches.get("batches/" + name)
        if batch and batch.lost_after is not None and batch.looks >= batch.lost_after:
            del self.batches[batch.name]
            batch = None
        if not batch:
            refuse(404, "Requested entity was not found.")
        return batch

    def get(self, x, name):
        return self.find(name).show()

    def cancel(self, x, name):
        batch = self.find(name)
        if batch.left < 0:
            refuse(400, "The batch has ended.", status="FAILED_PRECONDITION")
        batch.cancelled = True
        return Answer(b"{}")

    def delete(self, x, name):
        del self.batches[self.find(name).name]
        return Answer(b"{}")
