"""Asks the service whether it is well: ends with 0 if it is, else with 1."""

import http.client
import os
import sys

PORT = int(os.environ.get("PORT", "8000"))

try:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=2)
    connection.request("GET", "/health")
    answer = connection.getresponse()
    print(answer.status, answer.read().decode(errors="replace"))
    sys.exit(0 if answer.status == 200 else 1)
except OSError as error:
    print(error)
    sys.exit(1)
