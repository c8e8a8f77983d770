package appstream

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

// AMI is an EC2 image that an export made. Its name stays taken when the task that made it is forgotten.
type AMI struct {
	ID          string
	Name        string
	Description string
	Tags        map[string]string
	Made        time.Time

	// What it was made of.
	TaskID    string
	ImageName string
	ImageARN  string
}

// AMIs returns what exports have made so far and nobody has deregistered, oldest first.
func (s *Server) AMIs() []AMI {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	var amis []AMI
	for _, stored := range s.tasks {
		task := stored.at(now)
		if task.State != types.ExportImageTaskStateCompleted || stored.amiGone {
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
	return slices.ContainsFunc(s.tasks, func(task *storedTask) bool { return task.AMIName == name && task.holdsName(now) })
}
