package doctor

import (
	"strings"
	"time"
)

// Facts is what is known of a stack and of what it stands on.
type Facts struct {
	Now        time.Time
	Deployment Deployment
	Searched   time.Duration  // how far back the function's log was searched
	Version    Answer[string] // as the function logged it when it last started

	Function    Answer[Function]
	Recursion   Answer[string] // Lambda's RecursiveLoop: Allow or Terminate
	Reserved    Answer[int]    // reserved concurrency; absent without
	Concurrency Answer[Concurrency]

	Tasks Answer[Tasks] // absent where AppStream has no endpoint in the Region
	Plan  Answer[Plan]

	ExportRole     Answer[Role]
	ExportRights   Answer[[]Decision]
	FunctionRights Answer[[]Decision]
	ScheduleRights Answer[[]Decision]

	Topic         Answer[Topic]
	Subscriptions Answer[[]Subscription]
	TopicKey      Answer[Key] // absent where the topic has none
	StackKey      Answer[Key] // of KmsKeyArn; absent without

	Rule     Answer[Rule]
	Trails   Answer[[]Trail]
	Schedule Answer[Schedule]
	Mapping  Answer[Mapping]

	EBSEncryption Answer[bool]   // encryption by default
	EBSKeyID      Answer[string] // the default key
	EBSKey        Answer[Key]
	EBSKeyRights  Answer[[]Decision] // of the export role on the default key
	AMIs          Answer[int]        // of this account and Region
	AMIQuota      Answer[int]

	Keeper       Answer[Keeper] // absent where the stack has none
	KeeperRights Answer[[]Decision]
	KeeperFence  Answer[[]Decision]

	Work          Answer[Queue]
	DeadLetters   Answer[Queue]
	FailedEvents  Answer[Queue]
	DeadReasons   Answer[[]string] // what lies in the dead-letter queue
	FailedReasons Answer[[]string] // why triggers came to nothing
	Alarms        Answer[[]Alarm]
	Night         Answer[Night] // absent where none was found
}

// Deployment is the CloudFormation stack.
type Deployment struct {
	Stack      string
	Region     string
	Account    string
	Partition  string
	Status     string
	Reason     string
	Created    time.Time
	Updated    time.Time // the zero time if never
	Parameters map[string]string
	Outputs    map[string]string
}

// Function is the configuration of the Lambda function.
type Function struct {
	State        string
	StateReason  string
	Update       string // LastUpdateStatus
	UpdateReason string
	Modified     time.Time
}

// Concurrency is the account's, in concurrent invocations.
type Concurrency struct{ Limit, Unreserved int }

// Tasks is what AppStream's list of export tasks shows to the caller.
type Tasks struct{ Total, Running int }

// Plan is what a dry run answered.
type Plan struct {
	Trouble  string // why the function could not make one
	Export   []string
	Wait     []string // why, of each image that waits
	Exported int
	Running  int
	Unfit    []string // why, of each image that is selected and cannot be exported
	GivenUp  []string // names of images that no sweep tries any more
	Others   int      // not selected
	More     int      // images that the function did not name
}

// Role is an IAM role with its trust policy, as JSON.
type Role struct{ ARN, Trust string }

// Right is one call that a role must be allowed, or must not.
type Right struct {
	Action   string
	Resource string
	Context  map[string][]string // condition keys
	Of       string              // what the resource is, in words, where its ARN does not say it
}

// String names the call, and on what where that is one thing.
func (r Right) String() string {
	switch {
	case r.Of != "":
		return r.Action + " on " + r.Of
	case r.Resource == "*":
		return r.Action
	}
	return r.Action + " on " + r.Resource[strings.LastIndex(r.Resource, ":")+1:]
}

// Decision is what IAM's simulation says of a right; Why is empty where it is allowed.
type Decision struct {
	Right Right
	Why   string

	// Missing are condition keys that the role's policies ask for, be it for other calls, and that the simulation was not told.
	Missing []string
}

// The reasons of a Decision.
const (
	ByOrganization = "a policy of the organization does not allow it"
	ByBoundary     = "the permissions boundary does not allow it"
	ByPolicy       = "a policy denies it"
	ByNone         = "no policy of the role allows it"
)

// Topic is the SNS topic.
type Topic struct {
	ARN    string
	FIFO   bool
	KeyID  string
	Policy string // JSON; "" where SNS does not tell it
}

// Subscription is one of a topic.
type Subscription struct {
	Protocol  string
	Endpoint  string
	Confirmed bool
}

// Key is a KMS key. Policy is JSON and may be unknown by itself.
type Key struct {
	ARN     string
	State   string
	Manager string // AWS or CUSTOMER
	Policy  Answer[string]
}

// Rule is an EventBridge rule.
type Rule struct{ Name, State string }

// Trail is a CloudTrail trail that could log this Region.
type Trail struct {
	Name      string
	Logging   Answer[bool]
	Selectors Answer[[]Selector]
}

// Selector is one event selector of a trail, basic or advanced (with Fields).
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html
type Selector struct {
	Management bool     // basic: IncludeManagementEvents
	ReadWrite  string   // basic: All, ReadOnly, WriteOnly
	Excluded   []string // basic: event sources left out
	Fields     []Field  // advanced
}

// Field is a condition of an advanced event selector.
type Field struct {
	Name      string
	Equals    []string
	NotEquals []string
	Other     bool // it has operators that are not read here, and may leave our events out
}

// Schedule is the nightly schedule.
type Schedule struct{ Name, State, Expression, TimeZone string }

// Mapping is the event source mapping of the work queue.
type Mapping struct{ State, Reason, LastResult string }

// Keeper is the function that looks after the AMIs.
type Keeper struct {
	Function Answer[Function]
	Schedule Answer[Schedule]
}

// Queue counts the messages of a queue: those to be had, those being worked on or put off, and those sent with a delay.
type Queue struct{ Visible, InFlight, Delayed int }

// Messages are all of them.
func (q Queue) Messages() int { return q.Visible + q.InFlight + q.Delayed }

// Alarm is a CloudWatch alarm of the stack.
type Alarm struct {
	LogicalID   string
	Name        string
	State       string
	Since       time.Time
	Description string
	Muted       bool // its actions are disabled
}

// Night is the last nightly run.
type Night struct {
	At                                          time.Time
	Images, Started, Waiting, Skipped, Rejected int
}
