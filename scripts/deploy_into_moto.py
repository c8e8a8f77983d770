#!/usr/bin/env python3
"""Deploy template.yaml into the CloudFormation of scripts/play_aws.py.

Usage: scripts/deploy_into_moto.py http://HOST:PORT STACK CODE.zip [Parameter=value ...]

Prints as JSON what the stack became. TestDeployedStack in cmd/handler runs the function in it. Needs the packages moto[server],
boto3 and aws-sam-translator.
"""

import json
import sys

import boto3
from moto.cloudformation.parsing import get_model_map

import translate

REGION = "eu-west-1"


def deploy(client, stack_name, code, parameters):
    """Deploy the stack and describe it."""
    s3, cloudformation, functions = client("s3"), client("cloudformation"), client("lambda")
    bucket = f"code-of-{stack_name}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="code.zip", Body=code)

    template = translate.translate("template.yaml", parameters, bucket, "code.zip")
    resources = template["Resources"]
    missing = {name: resources.pop(name) for name in list(resources) if resources[name]["Type"] not in get_model_map()}

    cloudformation.create_stack(
        StackName=stack_name,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    if stack["StackStatus"] != "CREATE_COMPLETE":
        sys.exit(f"the stack is {stack['StackStatus']}: {stack.get('StackStatusReason')}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    # moto would give the function's queue to its own Lambda, which runs nothing; the test plays the mapping.
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    for mapping in mappings:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])
    function = functions.get_function_configuration(FunctionName=outputs["FunctionName"])
    work = client("sqs").get_queue_attributes(QueueUrl=outputs["WorkQueueUrl"], AttributeNames=["All"])["Attributes"]
    # What a condition leaves out is listed without a type or a name.
    listed = cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]
    made = [(resource.get("ResourceType"), resource.get("PhysicalResourceId")) for resource in listed]
    made = [(kind, name) for kind, name in made if kind and name]
    dashboards = [name for kind, name in made if kind == "AWS::CloudWatch::Dashboard"]
    return {
        "outputs": outputs,
        "function": {
            "name": function["FunctionName"],
            "timeout": function["Timeout"],
            "memory": function["MemorySize"],
            "environment": function["Environment"]["Variables"],
        },
        "mappedQueues": [mapping["EventSourceArn"] for mapping in mappings],
        "workQueue": work,
        "dashboards": [
            client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"] for name in dashboards
        ],
        "scheduleInputs": [
            resource["Properties"]["Target"]["Input"]
            for resource in missing.values()
            # That of the keeper is made under a condition, which does not hold here.
            if resource["Type"] == "AWS::Scheduler::Schedule" and "Condition" not in resource
        ],
        "deployed": sorted(kind for kind, _ in made),
        "notDeployed": sorted({resource["Type"] for resource in missing.values()}),
    }


def main():
    endpoint, stack_name, code_path, *settings = sys.argv[1:]
    with open(code_path, "rb") as file:
        code = file.read()
    # moto has no alarms, and the dashboard would refer to them.
    parameters = {"Alarms": "DISABLED"} | dict(translate.parameter(text) for text in settings)

    def client(service):
        return boto3.client(
            service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="local", aws_secret_access_key="local"
        )

    json.dump(deploy(client, stack_name, code, parameters), sys.stdout)


if __name__ == "__main__":
    main()
