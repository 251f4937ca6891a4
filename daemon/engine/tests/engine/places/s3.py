"""An S3 server with one user and one bucket, for the tests: prints its port, and the user's key and its secret.

Ends when its standard input is closed.
"""

import json
import os
import sys
from urllib.parse import parse_qsl, quote, urlencode

# Whoever the server does not know is refused, but for what is done here first.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3
from moto.iam.access_control import IAMRequestBase
from moto.server import ThreadedMotoServer

signed = IAMRequestBase._create_aws_request


def as_signed(self):
    """What is signed has a query with `/` encoded, however it was sent."""
    path, _, query = self._path.partition("?")
    query = urlencode(parse_qsl(query, keep_blank_values=True), quote_via=quote, safe="-_.~")
    self._path = f"{path}?{query}"
    return signed(self)


IAMRequestBase._create_aws_request = as_signed

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
port = server.get_host_and_port()[1]


def client(service):
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="first",
        aws_secret_access_key="first",
    )


iam = client("iam")
iam.create_user(UserName="backup")
key = iam.create_access_key(UserName="backup")["AccessKey"]
everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam.put_user_policy(UserName="backup", PolicyName="all", PolicyDocument=json.dumps(everything))
client("s3").create_bucket(Bucket="bucket")
print(port, key["AccessKeyId"], key["SecretAccessKey"], flush=True)
sys.stdin.read()
server.stop()
