package appstream

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

type createExportInput struct {
	ImageName         *string
	AmiName           *string
	IamRoleArn        *string
	TagSpecifications map[string]string
	AmiDescription    *string
}

func (in createExportInput) validate() error {
	var v validation
	v.required("imageName", in.ImageName != nil)
	v.text("imageName", in.ImageName, imageNameRule)
	v.required("amiName", in.AmiName != nil)
	v.text("amiName", in.AmiName, amiNameRule)
	v.required("iamRoleArn", in.IamRoleArn != nil)
	v.text("iamRoleArn", in.IamRoleArn, arnRule)
	v.tags("tagSpecifications", in.TagSpecifications)
	v.text("amiDescription", in.AmiDescription, descriptionRule)
	return v.err()
}

type exportOutput struct{ ExportImageTask taskOutput }

func (s *Server) createExportImageTask(now time.Time, input createExportInput) (exportOutput, error) {
	if err := input.validate(); err != nil {
		return exportOutput{}, err
	}
	image, err := s.exportableImage(now, *input.ImageName)
	if err != nil {
		return exportOutput{}, err
	}
	if !s.canAssume(*input.IamRoleArn) {
		return exportOutput{}, awsreply.Refuse("InvalidRoleException", "The role %s cannot be assumed.", *input.IamRoleArn)
	}
	twin := s.amiNameTaken(now, *input.AmiName)
	if twin && s.options.Twins == RefuseTwin {
		return exportOutput{}, awsreply.Refuse(s.options.TwinException, "The AMI name %s is already in use.", *input.AmiName)
	}
	if limit := s.options.MaxConcurrentExports; limit > 0 && s.running(now) >= limit {
		return exportOutput{}, awsreply.Refuse("LimitExceededException", "The account can run %d exports at a time.", limit)
	}
	task := s.start(now, image, input, twin && s.options.Twins == FailTwinLater)
	return exportOutput{ExportImageTask: s.show(task.at(now))}, nil
}

// exportableImage finds an image and refuses those that AppStream does not export.
func (s *Server) exportableImage(now time.Time, name string) (*storedImage, error) {
	image := s.imageByName(now, name)
	switch {
	case image == nil:
		return nil, awsreply.Refuse("ResourceNotFoundException", "The image %s was not found.", name)
	case image.Owner != s.options.Account:
		return nil, awsreply.Refuse("OperationNotPermittedException", "The image %s belongs to another account.", name)
	case image.stateAt(now) != types.ImageStateAvailable:
		return nil, awsreply.Refuse("ResourceNotAvailableException", "The image %s is %s.", name, image.stateAt(now))
	case image.Platform != types.PlatformTypeWindowsServer2022 && image.Platform != types.PlatformTypeWindowsServer2025:
		return nil, awsreply.Refuse("OperationNotPermittedException", "An image of platform %s cannot be exported.", image.Platform)
	}
	return image, nil
}

// canAssume tells whether AppStream may use a role.
func (s *Server) canAssume(roleARN string) bool {
	if len(s.options.ExportRoles) > 0 {
		return slices.Contains(s.options.ExportRoles, roleARN)
	}
	name, ok := strings.CutPrefix(roleARN, "arn:"+s.options.Partition+":iam::"+s.options.Account+":role/")
	return ok && name != ""
}

func (s *Server) running(now time.Time) int {
	count := 0
	for _, task := range s.tasks {
		if !task.endedAt(now) {
			count++
		}
	}
	return count
}

// show is a task as answers tell it.
func (s *Server) show(task Task) taskOutput {
	shown := newTaskOutput(task)
	if s.options.TellsNoTags {
		shown.TagSpecifications = nil
	}
	return shown
}

// start makes the task. A twin's outcome is settled here: EC2 gave the name to the first one when that started.
func (s *Server) start(now time.Time, image *storedImage, input createExportInput, twin bool) *storedTask {
	var outcome Outcome
	if twin {
		outcome = Outcome{
			End: types.ExportImageTaskStateFailed,
			Errors: []TaskError{{
				Code:    "InvalidAMIName.Duplicate",
				Message: "AMI name " + *input.AmiName + " is already in use",
			}},
		}
	} else {
		outcome = s.nextOutcome(image.Name)
	}
	outcome.End = cmp.Or(outcome.End, types.ExportImageTaskStateCompleted)
	if outcome.After == 0 {
		outcome.After = s.options.ExportDuration(image.Name, *input.AmiName)
	}

	task := &storedTask{
		Task: Task{
			TaskID:    s.options.NewID(),
			ImageName: image.Name,
			ImageARN:  image.arn,
			AMIName:   *input.AmiName,
			RoleARN:   *input.IamRoleArn,
			Tags:      input.TagSpecifications,
			Created:   now,
		},
		sequence: s.nextSequence(),
		outcome:  outcome,
	}
	if input.AmiDescription != nil {
		task.Description = *input.AmiDescription
	}
	s.tasks = append(s.tasks, task)
	return task
}

// SetMaxConcurrentExports changes the account's limit; 0 is none.
func (s *Server) SetMaxConcurrentExports(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.MaxConcurrentExports = limit
}
