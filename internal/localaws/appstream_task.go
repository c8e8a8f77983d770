package localaws

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// ExportOutcome says how an export goes.
type ExportOutcome struct {
	// Begins is what the task reports before EXPORTING. The API's prose names states
	// that its model does not have, and State is optional, so any string will do.
	Begins []ExportPhase
	// End is the state the task ends in, COMPLETED by default; EXPORTING never ends.
	End types.ExportImageTaskState
	// After is how long it takes, AppStreamOptions.ExportDuration by default.
	After time.Duration
	// Errors are the task's ErrorDetails once it has ended.
	Errors []ExportError
}

// ExportPhase is a state that a task reports for a while.
type ExportPhase struct {
	State types.ExportImageTaskState
	For   time.Duration
}

// ExportError is one entry of a task's ErrorDetails.
type ExportError struct {
	Code    string `json:"ErrorCode,omitempty"`
	Message string `json:"ErrorMessage,omitempty"`
}

// ExportTask is an export as it stands at one moment.
type ExportTask struct {
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
	Errors []ExportError

	// Forgotten tasks are no longer shown by the API.
	Forgotten bool
}

// storedTask is a task as it started, and what is to become of it.
type storedTask struct {
	ExportTask
	sequence int
	fate     ExportOutcome // with End and After filled in
}

func (t *storedTask) number() int { return t.sequence }

func (t *storedTask) endedAt(now time.Time) bool {
	return t.fate.End != types.ExportImageTaskStateExporting && !now.Before(t.Created.Add(t.fate.After))
}

func (t *storedTask) stateAt(now time.Time) types.ExportImageTaskState {
	if t.endedAt(now) {
		return t.fate.End
	}
	until := t.Created
	for _, phase := range t.fate.Begins {
		until = until.Add(phase.For)
		if now.Before(until) {
			return phase.State
		}
	}
	return types.ExportImageTaskStateExporting
}

// at returns the task as it stands, sharing nothing with what is stored.
func (t *storedTask) at(now time.Time) ExportTask {
	task := t.ExportTask
	task.Tags = maps.Clone(t.Tags)
	task.State = t.stateAt(now)
	if t.endedAt(now) {
		task.Ended = t.Created.Add(t.fate.After)
		task.Errors = slices.Clone(t.fate.Errors)
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

// holdsName tells whether the task's AMI name is taken by it: a task that failed gives it back.
func (t *storedTask) holdsName(now time.Time) bool {
	return !t.endedAt(now) || t.fate.End == types.ExportImageTaskStateCompleted
}

// SetOutcome says how exports of an image that start from now on go: each takes the next outcome, and the last one stays.
// Without outcomes they complete again.
func (a *AppStream) SetOutcome(imageName string, outcomes ...ExportOutcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outcomes[imageName] = slices.Clone(outcomes)
}

func (a *AppStream) nextOutcome(imageName string) ExportOutcome {
	outcomes := a.outcomes[imageName]
	switch len(outcomes) {
	case 0:
		return ExportOutcome{}
	case 1:
	default:
		a.outcomes[imageName] = outcomes[1:]
	}
	return outcomes[0]
}

// Tasks returns every export ever started, oldest first, as it stands now.
func (a *AppStream) Tasks() []ExportTask {
	a.mu.Lock()
	defer a.mu.Unlock()
	var tasks []ExportTask
	now := a.options.Now()
	for _, task := range a.tasks {
		tasks = append(tasks, task.at(now))
	}
	return tasks
}

// ForgetTasks makes the API forget every task that has ended. The AMIs stay, and so do their names.
func (a *AppStream) ForgetTasks() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.options.Now()
	for _, task := range a.tasks {
		task.Forgotten = task.Forgotten || task.endedAt(now)
	}
}

// asTask is an ExportImageTask on the wire.
type asTask struct {
	TaskId            string
	ImageArn          string
	AmiName           string
	CreatedDate       json.Number
	AmiDescription    string                     `json:",omitempty"`
	State             types.ExportImageTaskState `json:",omitempty"`
	AmiId             string                     `json:",omitempty"`
	TagSpecifications map[string]string          `json:",omitempty"`
	ErrorDetails      []ExportError              `json:",omitempty"`
}

func showTask(task ExportTask) asTask {
	return asTask{
		TaskId:            task.TaskID,
		ImageArn:          task.ImageARN,
		AmiName:           task.AMIName,
		CreatedDate:       asEpochSeconds(task.Created),
		AmiDescription:    task.Description,
		State:             task.State,
		AmiId:             task.AMIID,
		TagSpecifications: task.Tags,
		ErrorDetails:      task.Errors,
	}
}
