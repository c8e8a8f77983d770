package localaws

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/awsreply"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/localaws/lambda"
	"appstream-ami-exporter/internal/localaws/operator"
	"appstream-ami-exporter/internal/localaws/queues"
	"appstream-ami-exporter/internal/localaws/template"
)

// playOperator has the account answer what people ask about the stack.
func (a *Account) playOperator(deployed *template.Template, physical template.Physical) error {
	summary, err := deployed.Summary(physical)
	if err != nil {
		return err
	}
	alarms, err := deployed.ResourcesWith("AWS::CloudWatch::Alarm", physical)
	if err != nil {
		return err
	}
	stack := operator.Stack{
		Name: summary.Name, ID: summary.ID, Status: "CREATE_COMPLETE", Created: time.Now(), Account: template.AccountID,
		Parameters: summary.Parameters, Outputs: summary.Outputs, Resources: map[string]operator.Resource{},
		LogGroups: []string{a.Stack.Function.LogGroup},
	}
	if a.Stack.Keeper != nil {
		stack.LogGroups = append(stack.LogGroups, a.Stack.Keeper.Function.LogGroup)
	}
	for id, made := range summary.Resources {
		resource := operator.Resource{Type: made.Type, PhysicalID: made.PhysicalID}
		if properties, ok := alarms[id]; ok {
			if resource.Alarm, err = operator.ParseAlarm(properties); err != nil {
				return fmt.Errorf("resource %s: %w", id, err)
			}
		}
		stack.Resources[id] = resource
	}
	a.Operator = operator.New(operator.Options{Stack: stack, Depth: a.depth})
	return nil
}

// depth is how many messages of a queue can be received.
func (a *Account) depth(queueName string) (int, bool) {
	for _, queue := range []queues.Queue{a.WorkQueue, a.DeadLetterQueue, a.FailedEventsQueue} {
		if queue.Name == queueName {
			return a.Queues.Counts(queue)[queues.Visible], true
		}
	}
	return 0, false
}

// Listen opens the account to people's programs at an address such as "127.0.0.1:0": AWS_ENDPOINT_URL, set to the endpoint's URL,
// has the aws command, boto3 and this project's commands call it. The endpoint is closed with the account.
func (a *Account) Listen(address string) (*gateway.Endpoint, error) {
	return a.People.ListenAt(address, nil)
}

// peopleLatency is that of a service nearby: the SDK for Go now and then loses an answer that comes at once.
const peopleLatency = 3 * time.Millisecond

// openToPeople makes another gateway than the function's, whose faults and latency are not for people.
func (a *Account) openToPeople(services []gateway.Service) *gateway.Gateway {
	return gateway.New(gateway.Options{Forgetful: true, Latency: peopleLatency}, append(services,
		gateway.Service{SigningName: "lambda", Handler: lambda.API(a.functions())},
		gateway.Service{SigningName: "events", Handler: http.HandlerFunc(a.putEvents)},
		gateway.Service{SigningName: "scheduler", Handler: http.HandlerFunc(a.getSchedule)},
		gateway.Service{SigningName: "cloudformation", Handler: a.Operator},
		gateway.Service{SigningName: "monitoring", Handler: a.Operator},
		gateway.Service{SigningName: "logs", Handler: a.Operator},
		gateway.Service{SigningName: "sts", Handler: a.Operator})...)
}

// watchFunction measures what Lambda measures of a function.
func (a *Account) watchFunction(name string, result lambda.Result) {
	a.measureFunction(name, "Invocations", result.Started, 1)
	a.measureFunction(name, "Duration", result.Started, float64(result.Duration.Milliseconds()))
	if result.Failed() {
		a.measureFunction(name, "Errors", result.Started, 1)
	}
}

func (a *Account) measureFunction(name, metric string, at time.Time, value float64) {
	a.Operator.Record("AWS/Lambda", metric, "FunctionName", name, at, value)
}

// getSchedule is EventBridge Scheduler's API as far as a schedule of the stack can be looked at.
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html
func (a *Account) getSchedule(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, "/schedules/")
	if r.Method != http.MethodGet || !ok {
		awsreply.Refuse("UnknownOperationException", "The local AWS does not play %s %s of scheduler.", r.Method, r.URL.Path).Write(w, r)
		return
	}
	schedules := []template.Schedule{a.Stack.Schedule}
	if a.Stack.Keeper != nil {
		schedules = append(schedules, a.Stack.Keeper.Schedule)
	}
	for _, schedule := range schedules {
		if schedule.Name != name {
			continue
		}
		state := "DISABLED"
		if schedule.Enabled {
			state = "ENABLED"
		}
		awsreply.Write(w, r, map[string]any{
			"Name": name, "Arn": schedule.ARN, "GroupName": "default", "State": state, "ScheduleExpression": schedule.Expression,
			"ScheduleExpressionTimezone": cmp.Or(schedule.Timezone, "UTC"),
		})
		return
	}
	refusal := awsreply.Error{Status: http.StatusNotFound, Code: "ResourceNotFoundException",
		Message: fmt.Sprintf("Schedule %s does not exist.", name)}
	refusal.Write(w, r)
}

// putEvents is EventBridge's API as far as events can be put on the bus.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
func (a *Account) putEvents(w http.ResponseWriter, r *http.Request) {
	var input struct {
		Entries []struct {
			Source, DetailType, Detail string
			Resources                  []string
		}
	}
	if target := r.Header.Get("X-Amz-Target"); target != "AWSEvents.PutEvents" {
		awsreply.Refuse("UnknownOperationException", "The local AWS does not play %s.",
			strings.Replace(target, "AWSEvents.", "EventBridge's ", 1)).Write(w, r)
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		awsreply.Refuse("SerializationException", "The request is no JSON object: %v", err).Write(w, r)
		return
	}
	type entry struct {
		EventID      string `json:"EventId,omitempty"`
		ErrorCode    string `json:",omitempty"`
		ErrorMessage string `json:",omitempty"`
	}
	var answer struct {
		FailedEntryCount int
		Entries          []entry
	}
	for _, put := range input.Entries {
		id := uuid.NewString()
		event, err := json.Marshal(map[string]any{
			"version": "0", "id": id, "source": put.Source, "detail-type": put.DetailType, "account": template.AccountID,
			"region": template.Region,
			"time":   time.Now().UTC().Format(time.RFC3339), "resources": put.Resources,
			"detail": json.RawMessage(cmp.Or(put.Detail, "{}")),
		})
		if err == nil {
			_, err = a.PutEvent(event)
		}
		if err != nil {
			answer.FailedEntryCount++
			answer.Entries = append(answer.Entries, entry{ErrorCode: "MalformedDetail", ErrorMessage: err.Error()})
			continue
		}
		answer.Entries = append(answer.Entries, entry{EventID: id})
	}
	awsreply.Write(w, r, answer)
}
