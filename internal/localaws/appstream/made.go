package appstream

import (
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// MadeAMI is the AMI that an export makes in EC2, from the moment the export starts.
type MadeAMI struct {
	ID          string
	Name        string
	Description string
	Region      string
	Tags        map[string]string
	Started     time.Time
	Ready       time.Time // when it stops being pending
	Failed      bool      // what it is then
}

// Made returns the AMIs of the exports after the first `after`, in the order of their start: whoever plays EC2 takes them over.
// An export that never ends has one that stays pending.
func (s *Server) Made(after int) []MadeAMI {
	s.mu.Lock()
	defer s.mu.Unlock()
	var made []MadeAMI
	for _, task := range s.tasks[min(after, len(s.tasks)):] {
		ami := MadeAMI{
			ID: task.amiID(), Name: task.AMIName, Description: task.Description, Region: s.options.Region, Tags: maps.Clone(task.Tags),
			Started: task.Created, Ready: task.Created.Add(task.outcome.After),
			Failed: task.outcome.End != types.ExportImageTaskStateCompleted,
		}
		if task.outcome.End == types.ExportImageTaskStateExporting {
			ami.Ready = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		made = append(made, ami)
	}
	return made
}

// ForgetAMI says that an AMI was deregistered, or brought back: its name is free, or taken again.
func (s *Server) ForgetAMI(id string, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, task := range s.tasks {
		if task.amiID() == id {
			task.amiGone = gone
		}
	}
}
