package appstream

import (
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// AMI is an EC2 image in the account. Its name stays taken when the task that made it is forgotten.
type AMI struct {
	ID          string
	Name        string
	Description string
	Tags        map[string]string
	Made        time.Time

	// What it was made of; empty for an AMI that no export made.
	TaskID    string
	ImageName string
	ImageARN  string
}

// PutAMI adds an AMI that no export made, and so takes its name.
func (s *Server) PutAMI(ami AMI) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ami.Tags = maps.Clone(ami.Tags)
	s.amis = append(s.amis, ami)
}

// AMIs returns every AMI there is now, oldest first.
func (s *Server) AMIs() []AMI {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	var amis []AMI
	for _, ami := range s.amis {
		ami.Tags = maps.Clone(ami.Tags)
		amis = append(amis, ami)
	}
	for _, stored := range s.tasks {
		task := stored.at(now)
		if task.State != types.ExportImageTaskStateCompleted {
			continue
		}
		amis = append(amis, AMI{
			ID: task.AMIID, Name: task.AMIName, Description: task.Description, Tags: task.Tags, Made: task.Ended,
			TaskID: task.TaskID, ImageName: task.ImageName, ImageARN: task.ImageARN,
		})
	}
	slices.SortStableFunc(amis, func(x, y AMI) int { return x.Made.Compare(y.Made) })
	return amis
}

// amiNameTaken tells whether an AMI has the name, or an export is about to make one that will.
func (s *Server) amiNameTaken(now time.Time, name string) bool {
	return slices.ContainsFunc(s.amis, func(ami AMI) bool { return ami.Name == name }) ||
		slices.ContainsFunc(s.tasks, func(task *storedTask) bool { return task.AMIName == name && task.holdsName(now) })
}
