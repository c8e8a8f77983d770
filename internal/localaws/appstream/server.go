// Package appstream emulates the part of the AppStream API that exporting images needs, with a clock, limits and outcomes that
// its owner chooses. It keeps everything in memory.
package appstream

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"appstream-ami-exporter/internal/localaws/iam"
)

// TwinPolicy says what happens to an export whose AMI name is already taken.
// The service does not document which of the two it does.
type TwinPolicy int

const (
	// RefuseTwin refuses the start at once, with Options.TwinException.
	RefuseTwin TwinPolicy = iota
	// FailTwinLater accepts the start, and its task ends FAILED with InvalidAMIName.Duplicate.
	FailTwinLater
	// CompleteTwin accepts the start, and both tasks complete: reports show EC2's CopyImage making a second AMI of one name.
	CompleteTwin
)

// Options says what kind of account the emulator plays. Every field may be left zero.
type Options struct {
	Account   string // default 123456789012
	Region    string // default eu-west-1
	Partition string // default aws

	// Now is the only clock: nothing happens between two requests but what Now says has passed.
	Now func() time.Time
	// NewID makes task ids, which must be lower-case UUIDs. Random by default.
	NewID func() string

	// ExportDuration is how long an export takes, 40 minutes by default.
	ExportDuration func(imageName, amiName string) time.Duration
	// MaxConcurrentExports is the account's limit; 0 is none.
	MaxConcurrentExports int
	Twins                TwinPolicy
	// TwinException is what RefuseTwin answers, OperationNotPermittedException by default.
	TwinException string

	// IgnoreUnknownNames leaves unknown names and ARNs out of DescribeImages's answer
	// instead of refusing the request with ResourceNotFoundException.
	IgnoreUnknownNames bool
	// ListsNewestFirst turns the order of each page of ListExportImageTasks, which is not documented.
	ListsNewestFirst bool
	// ListsNoTags leaves the tags of tasks out of ListExportImageTasks's answer: they are optional there.
	ListsNoTags bool
	// TellsNoTags leaves the tags of tasks out of every answer.
	TellsNoTags bool
	// ExportRoles are the ARNs of the roles AppStream can assume; none means every role in the account.
	ExportRoles []string

	// Importable tells of an AMI whether it is there, and what speaks against importing it, "" for nothing. None is there by default.
	Importable func(amiID string) (found bool, obstacle string)
	// ImportDuration is how long an import takes, 45 minutes by default: AppStream's guide says 30 to 60.
	ImportDuration time.Duration
	// Authorize is asked about each call before anything is done. None allows everything.
	Authorize func(iam.Request) bool
}

// Server emulates the part of the AppStream API that exporting images needs.
// It is an http.Handler and safe for concurrent use.
type Server struct {
	options  Options
	requests atomic.Uint64

	mu       sync.Mutex
	sequence int // of images and tasks together, so that a page can end anywhere
	images   []*storedImage
	tasks    []*storedTask
	outcomes map[string][]Outcome
	calls    map[string]int
}

// New returns an account without images.
func New(options Options) *Server {
	if options.Account == "" {
		options.Account = "123456789012"
	}
	if options.Region == "" {
		options.Region = "eu-west-1"
	}
	if options.Partition == "" {
		options.Partition = "aws"
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.NewID == nil {
		options.NewID = uuid.NewString
	}
	if options.ExportDuration == nil {
		options.ExportDuration = func(string, string) time.Duration { return 40 * time.Minute }
	}
	if options.TwinException == "" {
		options.TwinException = "OperationNotPermittedException"
	}
	if options.ImportDuration == 0 {
		options.ImportDuration = 45 * time.Minute
	}
	if options.Importable == nil {
		options.Importable = func(string) (bool, string) { return false, "" }
	}
	if options.Authorize == nil {
		options.Authorize = func(iam.Request) bool { return true }
	}
	return &Server{
		options:  options,
		outcomes: map[string][]Outcome{},
		calls:    map[string]int{},
	}
}

// Calls returns how often each operation was asked for, refused requests included.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// nextSequence numbers what is listed in pages.
func (s *Server) nextSequence() int {
	s.sequence++
	return s.sequence
}
