"""Makes a container at an Azure Blob Storage on this machine: PORT ACCOUNT KEY CONTAINER."""

import base64
import hashlib
import hmac
import sys
from email.utils import formatdate
from urllib.request import Request, urlopen

port, account, key, container = sys.argv[1:]
date, version = formatdate(usegmt=True), "2021-08-06"
named = f"/{account}/{account}/{container}"
signed = ["PUT", *[""] * 11, f"x-ms-date:{date}", f"x-ms-version:{version}", named, "restype:container"]
proof = hmac.digest(base64.b64decode(key), "\n".join(signed).encode(), hashlib.sha256)
request = Request(
    f"http://127.0.0.1:{port}/{account}/{container}?restype=container",
    method="PUT",
    headers={
        "x-ms-date": date,
        "x-ms-version": version,
        "Authorization": f"SharedKey {account}:{base64.b64encode(proof).decode()}",
    },
)
assert urlopen(request).status == 201
