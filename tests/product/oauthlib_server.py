"""A LivePerson that verifies every request with oauthlib only.

Reads the key from standard input (one line of JSON), prints its port, and then one line of JSON
for every request. Used by tests/product/oauthlib.rs.
"""

import json
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from oauthlib.oauth1 import SIGNATURE_HMAC_SHA1, RequestValidator, ResourceEndpoint

KEY = json.loads(sys.stdin.readline())
LOCK = threading.Lock()


class Validator(RequestValidator):
    enforce_ssl = False
    # Everything else, the length of nonces included, is as strict as oauthlib is by itself.
    client_key_length = (1, 100)
    access_token_length = (1, 100)
    allowed_signature_methods = (SIGNATURE_HMAC_SHA1,)
    dummy_client = "dummy"
    dummy_access_token = "dummy"

    def __init__(self):
        super().__init__()
        self.used = set()
        self.reported = {}

    def validate_client_key(self, client_key, request):
        return client_key == KEY["app_key"]

    def validate_access_token(self, client_key, token, request):
        return token == KEY["access_token"]

    def validate_timestamp_and_nonce(
        self, client_key, timestamp, nonce, request, request_token=None, access_token=None
    ):
        self.reported = {"timestamp": timestamp, "nonce": nonce}
        fresh = (timestamp, nonce) not in self.used
        self.used.add((timestamp, nonce))
        return fresh

    def validate_realms(self, client_key, token, request, uri=None, realms=None):
        return True

    def get_client_secret(self, client_key, request):
        return KEY["app_secret"]

    def get_access_token_secret(self, client_key, token, request):
        return KEY["access_token_secret"]


VALIDATOR = Validator()
ENDPOINT = ResourceEndpoint(VALIDATOR)
# The first good request of each API fails nevertheless, so that there is something to retry.
FAILURES = {"engactivity": 503, "sla": 401}

ACTIVITY = {
    "totalInteractiveChats": 1,
    "totalNonInteractiveChats": 0,
    "totalHandlingTime": 2,
    "nonInteractiveTotalHandlingTime": 0,
    "connectedEngagements": 1,
}


def answer(path, query):
    if path.endswith("/engactivity"):
        body = {}
        if "skillIds" in query:
            body["skillsMetricsPerAgent"] = {"metricsPerSkill": {}, "metricsTotals": ACTIVITY}
        if "agentIds" in query:
            body["agentsMetrics"] = {"metricsPerAgent": {}, "metricsTotals": ACTIVITY}
        if not body:
            body["metricsTotals"] = ACTIVITY
        return body
    if path.endswith("/sla"):
        limits = query["histogram"][0].split(",")
        bucket = {"chats": 1, "percentageFromTotal": 0.1, "accumulated": 0.1}
        return {"slaDataRange": {limit: bucket for limit in limits}}
    return []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        uri = "http://" + self.headers["Host"] + self.path
        headers = {"Authorization": self.headers.get("Authorization", "")}
        with LOCK:
            VALIDATOR.reported = {}
            valid, _ = ENDPOINT.validate_protected_resource_request(
                uri, http_method="GET", headers=headers, realms=[]
            )
            url = urllib.parse.urlsplit(self.path)
            query = urllib.parse.parse_qs(url.query)
            status = 401
            if valid:
                status = FAILURES.pop(url.path.rsplit("/", 1)[-1], 200)
            line = {"path": self.path, "valid": bool(valid), "status": status, **VALIDATOR.reported}
            print(json.dumps(line), flush=True)
        body = json.dumps(answer(url.path, query) if status == 200 else {}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
SERVER.daemon_threads = True
print(SERVER.server_address[1], flush=True)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
# Ends with the test: then standard input does, too.
sys.stdin.read()
