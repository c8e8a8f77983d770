// The two-call job in Node: start an export, publish that it has started. Beneath it the least of a Lambda runtime.
import { Agent, request } from "node:http";
import { AppStreamClient, CreateExportImageTaskCommand } from "@aws-sdk/client-appstream";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

const appstream = new AppStreamClient({});
const sns = new SNSClient({});

async function handle(event) {
  const image = event.detail.imageName;
  const stamp = event.time.replace(/[-:]/g, "");
  const { ExportImageTask: task } = await appstream.send(
    new CreateExportImageTaskCommand({ ImageName: image, AmiName: `${image}-${stamp}`, IamRoleArn: process.env.EXPORT_ROLE_ARN }),
  );
  await sns.send(
    new PublishCommand({ TopicArn: process.env.TOPIC_ARN, Subject: `Export of ${image} has started`, Message: JSON.stringify(task) }),
  );
  return { taskId: task.TaskId };
}

const agent = new Agent({ keepAlive: true });
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, agent, method, path: "/2018-06-01/runtime/invocation/" + path }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ id: answer.headers["lambda-runtime-aws-request-id"], text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

for (;;) {
  const { id, text } = await call("GET", "next");
  await call("POST", id + "/response", JSON.stringify(await handle(JSON.parse(text))));
}
