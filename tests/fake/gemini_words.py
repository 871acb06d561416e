"""How Google's services word their errors."""
import json

from server import Refusal

RPC = "type.googleapis.com/google.rpc."
STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
          409: "ABORTED", 429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL",
          501: "UNIMPLEMENTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}
MESSAGE = {429: "You exceeded your current quota, please check your plan and billing details.",
           500: "An internal error has occurred. Please retry or report in "
                "https://developers.generativeai.google/guide/troubleshooting",
           503: "The model is overloaded. Please try again later.",
           504: "The request timed out. Please try again."}


def error_json(code, message, details=(), status=None):
    error = {"code": code, "message": message, "status": status or STATUS.get(code, "UNKNOWN")}
    if details:
        error["details"] = list(details)
    return json.dumps({"error": error}, indent=2).encode()


def refuse(code, message, *details, status=None):
    raise Refusal(code, error_json(code, message, details, status))


def refuse_interaction(http, message, code="invalid_request"):
    """The Interactions API words them otherwise: the code is a word."""
    raise Refusal(http, json.dumps({"error": {"message": message, "code": code}}).encode())


def quota_details(b):
    per = "PerDay" if b.get("quota") == "day" else "PerMinute"
    out = [{"@type": RPC + "Help", "links": [{
        "description": "Learn more about Gemini API quotas",
        "url": "https://ai.google.dev/gemini-api/docs/rate-limits"}]},
        {"@type": RPC + "QuotaFailure", "violations": [{
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
            "quotaId": f"GenerateRequests{per}PerProjectPerModel",
            "quotaDimensions": {"location": "global", "model": "gemini-nano-banana-2.1"},
            "quotaValue": "10"}]}]
    if "retry_delay" in b:
        out.append({"@type": RPC + "RetryInfo", "retryDelay": b["retry_delay"]})
    return out
