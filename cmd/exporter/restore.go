package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"

	"appstream-ami-exporter/internal/terminal"
)

// restoration is an AMI on its way to be an image again.
type restoration struct {
	AMIID     string `json:"amiId"`
	ImageName string `json:"imageName"`
	RoleARN   string `json:"roleArn"`
	Possible  bool   `json:"possible"`        // AppStream's checks have passed
	State     string `json:"state,omitempty"` // of the image, once the import has begun
	Reason    string `json:"reason,omitempty"`
}

// importStack is the name that examples/restore gives to the stack with the role.
const importStack = "appstream-ami-exporter-restore"

// restore tries whether AppStream would import an AMI, asks, imports it, and follows that to its end. It needs no stack of the
// exporter: it may have been deleted long ago.
func (d desk) restore(ctx context.Context, o options, agreed func(question string) bool) (report, error) {
	r := restoration{AMIID: o.ami, ImageName: o.name, RoleARN: o.role}
	if r.RoleARN == "" {
		var err error
		if r.RoleARN, err = d.importRole(ctx); err != nil {
			return nil, err
		}
	}
	input := &appstream.CreateImportedImageInput{
		Name: aws.String(r.ImageName), SourceAmiId: aws.String(r.AMIID), IamRoleArn: aws.String(r.RoleARN), DryRun: aws.Bool(true),
	}
	_, err := d.appStream.CreateImportedImage(ctx, input)
	if _, passed := errors.AsType[*types.DryRunOperationException](err); !passed {
		if err == nil {
			err = errors.New("AppStream has answered the dry run as if it were none; look for the image before you try again")
		}
		return r, explainImport(err)
	}
	r.Possible = true
	d.screen.Line("AppStream's checks of %s have passed. The image will be of the type CUSTOM, which no stream.* fleet takes.", r.AMIID)
	if !agreed(fmt.Sprintf("Import %s as the image %s now? It takes 30 to 60 minutes.", r.AMIID, r.ImageName)) {
		return r, nil
	}
	input.DryRun = nil
	made, err := d.appStream.CreateImportedImage(ctx, input)
	if err != nil {
		return r, explainImport(err)
	}
	r.State = string(made.Image.State)
	d.screen.Line("It is being imported. Ctrl-C stops following, not the import.")
	err = d.repeat(ctx, func(show func(state, more string)) (done bool, err error) {
		seen, err := d.appStream.DescribeImages(ctx, &appstream.DescribeImagesInput{Names: []string{r.ImageName}})
		if err != nil || len(seen.Images) == 0 {
			return false, terminal.Explain(err)
		}
		image := seen.Images[0]
		r.State = string(image.State)
		if image.StateChangeReason != nil {
			r.Reason = aws.ToString(image.StateChangeReason.Message)
		}
		show(r.State, "")
		return image.State == types.ImageStateAvailable || image.State == types.ImageStateFailed, nil
	})
	if errors.Is(err, context.Canceled) {
		d.screen.Line("No longer followed. The import goes on: aws appstream describe-images --names %s shows it.", r.ImageName)
		return r, nil
	}
	return r, err
}

// importRole is the role of examples/restore.
func (d desk) importRole(ctx context.Context) (string, error) {
	answer, err := d.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(importStack)})
	if err == nil && len(answer.Stacks) == 1 {
		for _, output := range answer.Stacks[0].Outputs {
			if aws.ToString(output.OutputKey) == "ImportRoleArn" {
				return aws.ToString(output.OutputValue), nil
			}
		}
	}
	if terminal.Denied(err) {
		return "", terminal.Explain(err)
	}
	return "", fmt.Errorf("with which role? Deploy examples/restore, which makes one, as the stack %s, or say ROLE=<the ARN of yours>",
		importStack)
}

// importAdvice says what to do about what AppStream answers to an import.
var importAdvice = map[string]string{
	"IncompatibleImageException": "The AMI breaks a rule of AppStream's, which docs/RESTORE.md has. An encrypted one can never be " +
		"imported.",
	"InvalidRoleException":           "AppStream cannot use the role; examples/restore makes one that it can.",
	"ResourceAlreadyExistsException": "There is an image of that name. Choose another: NAME=<its name>.",
	"ResourceNotFoundException":      "Is the AMI in this Region? REGION=<its name> chooses another; docs/RESTORE.md says how to copy it.",
	"LimitExceededException":         "The account has as many images as it may: delete one, or ask AWS for more.",
}

func explainImport(err error) error {
	if failure, ok := errors.AsType[smithy.APIError](err); ok && importAdvice[failure.ErrorCode()] != "" {
		return fmt.Errorf("%s: %s. %s", failure.ErrorCode(), failure.ErrorMessage(), importAdvice[failure.ErrorCode()])
	}
	return terminal.Explain(err)
}

func (r restoration) show(s terminal.Screen) {
	switch {
	case r.State == string(types.ImageStateAvailable):
		s.Line("The image %s is available. docs/RESTORE.md says what did not come back with it.", r.ImageName)
	case r.State != "":
		s.Line("The image %s is %s. %s", r.ImageName, r.State, r.Reason)
	case r.Possible:
		s.Line("Nothing was imported.")
	}
}

func (r restoration) attention() error {
	if r.State == string(types.ImageStateFailed) {
		return terminal.Attention("the import has failed: " + r.Reason)
	}
	return nil
}
