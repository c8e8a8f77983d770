package appstream

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// Outcome says how an export goes.
type Outcome struct {
	// Begins is what the task reports before EXPORTING. The API's prose names states
	// that its model does not have, and State is optional, so any string will do.
	Begins []Phase
	// End is the state the task ends in, COMPLETED by default; EXPORTING never ends.
	End types.ExportImageTaskState
	// After is how long it takes, Options.ExportDuration by default.
	After time.Duration
	// Errors are the task's ErrorDetails once it has ended.
	Errors []TaskError
}

// Phase is a state that a task reports for a while.
type Phase struct {
	State types.ExportImageTaskState
	For   time.Duration
}

// TaskError is one entry of a task's ErrorDetails.
type TaskError struct {
	Code    string `json:"ErrorCode,omitempty"`
	Message string `json:"ErrorMessage,omitempty"`
}

// Task is an export as it stands at one moment.
type Task struct {
	TaskID      string
	ImageName   string
	ImageARN    string
	AMIName     string
	Description string
	RoleARN     string
	Tags        map[string]string
	Created     time.Time
	State       types.ExportImageTaskState

	Ended  time.Time // zero while it runs
	AMIID  string    // once COMPLETED
	Errors []TaskError

	// Forgotten tasks are no longer shown by the API.
	Forgotten bool
}

// storedTask is a task as it started, and what is to become of it.
type storedTask struct {
	Task
	sequence int
	outcome  Outcome // with End and After filled in
	amiGone  bool    // the AMI was deregistered
}

func (t *storedTask) number() int { return t.sequence }

func (t *storedTask) endedAt(now time.Time) bool {
	return t.outcome.End != types.ExportImageTaskStateExporting && !now.Before(t.Created.Add(t.outcome.After))
}

func (t *storedTask) stateAt(now time.Time) types.ExportImageTaskState {
	if t.endedAt(now) {
		return t.outcome.End
	}
	until := t.Created
	for _, phase := range t.outcome.Begins {
		until = until.Add(phase.For)
		if now.Before(until) {
			return phase.State
		}
	}
	return types.ExportImageTaskStateExporting
}

// at returns the task as it stands, sharing nothing with what is stored.
func (t *storedTask) at(now time.Time) Task {
	task := t.Task
	task.Tags = maps.Clone(t.Tags)
	task.State = t.stateAt(now)
	if t.endedAt(now) {
		task.Ended = t.Created.Add(t.outcome.After)
		task.Errors = slices.Clone(t.outcome.Errors)
	}
	if task.State == types.ExportImageTaskStateCompleted {
		task.AMIID = t.amiID()
	}
	return task
}

// amiID is derived from the task's id, so that it is as deterministic as that.
func (t *storedTask) amiID() string {
	sum := sha256.Sum256([]byte(t.TaskID))
	return "ami-" + hex.EncodeToString(sum[:])[:17]
}

// holdsName tells whether the task's AMI name is taken by it: a task that failed gives it back, and so does an AMI that is gone.
func (t *storedTask) holdsName(now time.Time) bool {
	return !t.endedAt(now) || !t.amiGone && t.outcome.End == types.ExportImageTaskStateCompleted
}

// SetOutcome says how exports of an image that start from now on go: each takes the next outcome, and the last one stays.
// Without outcomes they complete again.
func (s *Server) SetOutcome(imageName string, outcomes ...Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[imageName] = slices.Clone(outcomes)
}

func (s *Server) nextOutcome(imageName string) Outcome {
	outcomes := s.outcomes[imageName]
	switch len(outcomes) {
	case 0:
		return Outcome{}
	case 1:
	default:
		s.outcomes[imageName] = outcomes[1:]
	}
	return outcomes[0]
}

// Tasks returns every export ever started, oldest first, as it stands now.
func (s *Server) Tasks() []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tasks []Task
	now := s.options.Now()
	for _, task := range s.tasks {
		tasks = append(tasks, task.at(now))
	}
	return tasks
}

// ForgetTasks makes the API forget every task that has ended. The AMIs stay, and so do their names.
func (s *Server) ForgetTasks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	for _, task := range s.tasks {
		task.Forgotten = task.Forgotten || task.endedAt(now)
	}
}

// taskOutput is an ExportImageTask on the wire.
type taskOutput struct {
	TaskId            string
	ImageArn          string
	AmiName           string
	CreatedDate       awsreply.Time
	AmiDescription    string                     `json:",omitempty"`
	State             types.ExportImageTaskState `json:",omitempty"`
	AmiId             string                     `json:",omitempty"`
	TagSpecifications map[string]string          `json:",omitempty"`
	ErrorDetails      []TaskError                `json:",omitempty"`
}

func newTaskOutput(task Task) taskOutput {
	return taskOutput{
		TaskId:            task.TaskID,
		ImageArn:          task.ImageARN,
		AmiName:           task.AMIName,
		CreatedDate:       awsreply.Time(task.Created),
		AmiDescription:    task.Description,
		State:             task.State,
		AmiId:             task.AMIID,
		TagSpecifications: task.Tags,
		ErrorDetails:      task.Errors,
	}
}
