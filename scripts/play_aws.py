#!/usr/bin/env python3
"""Serve AWS as moto plays it, with two defects mended that would keep template.yaml from being deployed.

Prints the address and serves until standard input ends. Needs the package moto[server].
"""

import logging
import os
import sys

# Every account has its own S3 here; AWS lets functions come from the bucket of another account.
os.environ["VALIDATE_LAMBDA_S3"] = "false"

from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend
from moto.server import ThreadedMotoServer

clean_json = parsing.clean_json
create_stack = CloudFormationBackend.create_stack


def clean_json_without_gaps(value, resources):
    """What has no value (AWS::NoValue) is left out of a list; moto puts None there."""
    cleaned = clean_json(value, resources)
    return [item for item in cleaned if item is not None] if isinstance(cleaned, list) else cleaned


def create_stack_named_as_in_aws(backend, name, *arguments, **options):
    """The stacks of a StackSet have names with a hyphen; moto's colon is not allowed in the names of their resources."""
    return create_stack(backend, name.replace("StackSet:", "StackSet-"), *arguments, **options)


def main():
    parsing.clean_json = clean_json_without_gaps
    CloudFormationBackend.create_stack = create_stack_named_as_in_aws
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
