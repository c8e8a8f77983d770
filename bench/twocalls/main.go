// Command twocalls is the least that somebody would write by hand in Go: start an export, publish that it has started. It
// opens its connections during INIT. It looks nothing up, so it repeats exports, loses news and follows nothing.
package main

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	streams, topics := appstream.NewFromConfig(cfg), sns.NewFromConfig(cfg)
	var open sync.WaitGroup
	open.Go(func() { connect(streams.Options().HTTPClient, os.Getenv("AWS_ENDPOINT_URL_APPSTREAM")) })
	open.Go(func() { connect(topics.Options().HTTPClient, os.Getenv("AWS_ENDPOINT_URL_SNS")) })
	open.Wait()

	lambda.Start(func(ctx context.Context, event events.EventBridgeEvent) (map[string]string, error) {
		var detail struct{ ImageName string }
		if err := json.Unmarshal(event.Detail, &detail); err != nil {
			return nil, err
		}
		reply, err := streams.CreateExportImageTask(ctx, &appstream.CreateExportImageTaskInput{
			ImageName:  aws.String(detail.ImageName),
			AmiName:    aws.String(detail.ImageName + "-" + event.Time.Format("20060102T150405Z")),
			IamRoleArn: aws.String(os.Getenv("EXPORT_ROLE_ARN")),
		})
		if err != nil {
			return nil, err
		}
		message, err := json.Marshal(reply.ExportImageTask)
		if err != nil {
			return nil, err
		}
		_, err = topics.Publish(ctx, &sns.PublishInput{
			TopicArn: aws.String(os.Getenv("TOPIC_ARN")),
			Subject:  aws.String("Export of " + detail.ImageName + " has started"),
			Message:  aws.String(string(message)),
		})
		return map[string]string{"taskId": aws.ToString(reply.ExportImageTask.TaskId)}, err
	})
}

// connect leaves an open connection behind in the client.
func connect(client aws.HTTPClient, url string) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return
	}
	if answer, err := client.Do(request); err == nil {
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
	}
}
