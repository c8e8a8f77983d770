package localaws

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
)

type asCreateExportInput struct {
	ImageName         *string
	AmiName           *string
	IamRoleArn        *string
	TagSpecifications map[string]string
	AmiDescription    *string
}

func (in asCreateExportInput) validate() error {
	var v asValidation
	v.required("imageName", in.ImageName != nil)
	v.text("imageName", in.ImageName, asImageName)
	v.required("amiName", in.AmiName != nil)
	v.text("amiName", in.AmiName, asAMIName)
	v.required("iamRoleArn", in.IamRoleArn != nil)
	v.text("iamRoleArn", in.IamRoleArn, asARN)
	v.tags("tagSpecifications", in.TagSpecifications)
	v.text("amiDescription", in.AmiDescription, asDescription)
	return v.err()
}

type asExportOutput struct{ ExportImageTask asTask }

func (a *AppStream) createExportImageTask(now time.Time, input asCreateExportInput) (asExportOutput, error) {
	if err := input.validate(); err != nil {
		return asExportOutput{}, err
	}
	if a.options.AccountSuspended {
		return asExportOutput{}, asSuspended()
	}
	image, err := a.exportableImage(now, *input.ImageName)
	if err != nil {
		return asExportOutput{}, err
	}
	if !a.canAssume(*input.IamRoleArn) {
		return asExportOutput{}, asErrorf("InvalidRoleException", "The role %s cannot be assumed.", *input.IamRoleArn)
	}
	twin := a.amiNameTaken(now, *input.AmiName)
	if twin && a.options.Twins == RefuseTwin {
		return asExportOutput{}, asErrorf(a.options.TwinException, "The AMI name %s is already in use.", *input.AmiName)
	}
	if limit := a.options.MaxConcurrentExports; limit > 0 && a.running(now) >= limit {
		return asExportOutput{}, asErrorf("LimitExceededException", "The account can run %d exports at a time.", limit)
	}
	task := a.start(now, image, input, twin)
	return asExportOutput{ExportImageTask: showTask(task.at(now))}, nil
}

// exportableImage finds an image and refuses those that AppStream does not export.
func (a *AppStream) exportableImage(now time.Time, name string) (*storedImage, error) {
	image := a.imageByName(now, name)
	switch {
	case image == nil:
		return nil, asErrorf("ResourceNotFoundException", "The image %s was not found.", name)
	case image.Owner != a.options.Account:
		return nil, asErrorf("OperationNotPermittedException", "The image %s belongs to another account.", name)
	case image.stateAt(now) != types.ImageStateAvailable:
		return nil, asErrorf("ResourceNotAvailableException", "The image %s is %s.", name, image.stateAt(now))
	case image.Platform != types.PlatformTypeWindowsServer2022 && image.Platform != types.PlatformTypeWindowsServer2025:
		return nil, asErrorf("OperationNotPermittedException", "An image of platform %s cannot be exported.", image.Platform)
	}
	return image, nil
}

// canAssume tells whether AppStream may use a role.
func (a *AppStream) canAssume(roleARN string) bool {
	if len(a.options.ExportRoles) > 0 {
		return slices.Contains(a.options.ExportRoles, roleARN)
	}
	name, ok := strings.CutPrefix(roleARN, "arn:"+a.options.Partition+":iam::"+a.options.Account+":role/")
	return ok && name != ""
}

func (a *AppStream) running(now time.Time) int {
	count := 0
	for _, task := range a.tasks {
		if !task.endedAt(now) {
			count++
		}
	}
	return count
}

// start makes the task. A twin's fate is settled here: EC2 gave the name to the first one when that started.
func (a *AppStream) start(now time.Time, image *storedImage, input asCreateExportInput, twin bool) *storedTask {
	var fate ExportOutcome
	if twin {
		fate = ExportOutcome{
			End: types.ExportImageTaskStateFailed,
			Errors: []ExportError{{
				Code:    "InvalidAMIName.Duplicate",
				Message: "AMI name " + *input.AmiName + " is already in use",
			}},
		}
	} else {
		fate = a.nextOutcome(image.Name)
	}
	fate.End = cmp.Or(fate.End, types.ExportImageTaskStateCompleted)
	if fate.After == 0 {
		fate.After = a.options.ExportDuration(image.Name, *input.AmiName)
	}

	task := &storedTask{
		ExportTask: ExportTask{
			TaskID:    a.options.NewID(),
			ImageName: image.Name,
			ImageARN:  image.arn,
			AMIName:   *input.AmiName,
			RoleARN:   *input.IamRoleArn,
			Tags:      input.TagSpecifications,
			Created:   now,
		},
		sequence: a.nextSequence(),
		fate:     fate,
	}
	if input.AmiDescription != nil {
		task.Description = *input.AmiDescription
	}
	a.tasks = append(a.tasks, task)
	return task
}

func asSuspended() error {
	return asErrorf("InvalidAccountStatusException", "The account is suspended.")
}
