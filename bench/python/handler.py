"""The two-call job in Python: start an export, publish that it has started. Beneath it the least of a Lambda runtime."""
import http.client
import json
import os

import boto3

appstream = boto3.client("appstream")
sns = boto3.client("sns")


def handle(event):
    image = event["detail"]["imageName"]
    stamp = event["time"].replace("-", "").replace(":", "")
    task = appstream.create_export_image_task(
        ImageName=image, AmiName=f"{image}-{stamp}", IamRoleArn=os.environ["EXPORT_ROLE_ARN"]
    )["ExportImageTask"]
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Subject=f"Export of {image} has started",
        Message=json.dumps(task, default=str),
    )
    return {"taskId": task["TaskId"]}


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation/"
    while True:
        api.request("GET", base + "next")
        invocation = api.getresponse()
        request_id = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        reply = handle(json.loads(invocation.read()))
        api.request("POST", base + request_id + "/response", json.dumps(reply))
        api.getresponse().read()


main()
