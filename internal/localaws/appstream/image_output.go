package appstream

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// imageOutput is an Image on the wire.
type imageOutput struct {
	Name                        string
	Arn                         string
	BaseImageArn                string
	DisplayName                 string
	State                       types.ImageState
	Visibility                  types.VisibilityType
	ImageBuilderSupported       bool
	ImageBuilderName            string `json:",omitempty"`
	Platform                    types.PlatformType
	Description                 string             `json:",omitempty"`
	StateChangeReason           *StateChangeReason `json:",omitempty"`
	Applications                []struct{}         // none are played
	CreatedTime                 awsreply.Time
	PublicBaseImageReleasedDate awsreply.Time
	AppstreamAgentVersion       string
	ImagePermissions            map[string]bool
	ImageErrors                 []imageErrorOutput
	LatestAppstreamAgentVersion types.LatestAppstreamAgentVersion
	DynamicAppProvidersEnabled  types.DynamicAppProvidersEnabled
	ImageSharedWithOthers       types.ImageSharedWithOthers
	ManagedSoftwareIncluded     bool
	ImageType                   types.ImageType
}

type imageErrorOutput struct {
	ErrorCode      string
	ErrorMessage   string
	ErrorTimestamp awsreply.Time `json:",omitzero"`
}

func (s *Server) newImageOutput(now time.Time, image *storedImage) imageOutput {
	shown := imageOutput{
		Name:                        image.Name,
		Arn:                         image.arn,
		BaseImageArn:                s.imageARN("", "AppStream-Base-"+string(image.Platform)),
		DisplayName:                 image.Name,
		State:                       image.stateAt(now),
		Visibility:                  image.Visibility,
		ImageBuilderSupported:       true,
		Platform:                    image.Platform,
		Description:                 image.Description,
		Applications:                []struct{}{},
		CreatedTime:                 awsreply.Time(image.CreatedTime),
		PublicBaseImageReleasedDate: awsreply.Time(image.CreatedTime.AddDate(0, -1, 0)),
		AppstreamAgentVersion:       "06-17-2026",
		ImagePermissions:            map[string]bool{"allowFleet": true, "allowImageBuilder": true},
		ImageErrors:                 []imageErrorOutput{},
		LatestAppstreamAgentVersion: types.LatestAppstreamAgentVersionFalse,
		DynamicAppProvidersEnabled:  types.DynamicAppProvidersEnabledDisabled,
		ImageSharedWithOthers:       types.ImageSharedWithOthersFalse,
		ImageType:                   types.ImageTypeNative,
	}
	if image.Owner == s.options.Account {
		shown.ImageBuilderName = image.Name + "-builder"
	}
	if image.SharedWithOthers {
		shown.ImageSharedWithOthers = types.ImageSharedWithOthersTrue
	}
	if shown.State == types.ImageStateFailed {
		if image.StateChangeReason != (StateChangeReason{}) {
			reason := image.StateChangeReason
			shown.StateChangeReason = &reason
		}
		for _, e := range image.Errors {
			shown.ImageErrors = append(shown.ImageErrors, imageErrorOutput{e.Code, e.Message, awsreply.Time(e.Time)})
		}
	}
	return shown
}
