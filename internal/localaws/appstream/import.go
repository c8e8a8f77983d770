package appstream

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

type importInput struct {
	Name        *string
	SourceAmiId *string
	IamRoleArn  *string
	Description *string
	Tags        map[string]string
	DryRun      bool
}

func (in importInput) validate() error {
	var v validation
	v.required("name", in.Name != nil)
	v.text("name", in.Name, imageNameRule)
	v.text("iamRoleArn", in.IamRoleArn, arnRule)
	v.text("description", in.Description, descriptionRule)
	v.tags("tags", in.Tags)
	return v.err()
}

type importOutput struct{ Image imageOutput }

// createImportedImage makes an image of an AMI. The success of a dry run is an exception.
// https://docs.aws.amazon.com/appstream2/latest/APIReference/API_CreateImportedImage.html
func (s *Server) createImportedImage(now time.Time, input importInput) (importOutput, error) {
	if err := input.validate(); err != nil {
		return importOutput{}, err
	}
	var amiID, role string
	if input.SourceAmiId != nil {
		amiID = *input.SourceAmiId
	}
	if input.IamRoleArn != nil {
		role = *input.IamRoleArn
	}
	// Not with the lock: whoever plays EC2 asks in turn which AMIs were made.
	s.mu.Unlock()
	known, obstacle := s.options.Importable(amiID)
	s.mu.Lock()
	switch {
	case s.imageByName(now, *input.Name) != nil:
		return importOutput{}, awsreply.Refuse("ResourceAlreadyExistsException", "The image %s already exists.", *input.Name)
	case !known:
		return importOutput{}, awsreply.Refuse("ResourceNotFoundException", "The AMI %s was not found.", amiID)
	case !s.canAssume(role):
		return importOutput{}, awsreply.Refuse("InvalidRoleException", "The role %s cannot be assumed.", role)
	case obstacle != "":
		return importOutput{}, awsreply.Refuse("IncompatibleImageException", "The AMI %s cannot be imported: %s.", amiID, obstacle)
	case input.DryRun:
		return importOutput{}, awsreply.Refuse("DryRunOperationException",
			"The validation checks have been performed successfully, but no actual resources were created.")
	}
	image := Image{
		Name: *input.Name, State: types.ImageStateImporting, Tags: input.Tags,
		Becomes: []StateChange{{After: s.options.ImportDuration, State: types.ImageStateAvailable}},
	}
	if input.Description != nil {
		image.Description = *input.Description
	}
	stored := s.complete(image)
	s.images = append(s.images, stored)
	shown := s.newImageOutput(now, stored)
	shown.ImageType = types.ImageTypeCustom
	return importOutput{Image: shown}, nil
}
