package appstream

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
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
	Applications                []applicationOutput
	CreatedTime                 json.Number
	PublicBaseImageReleasedDate json.Number
	AppstreamAgentVersion       string
	ImagePermissions            map[string]bool
	ImageErrors                 []imageErrorOutput
	LatestAppstreamAgentVersion types.LatestAppstreamAgentVersion
	DynamicAppProvidersEnabled  types.DynamicAppProvidersEnabled
	ImageSharedWithOthers       types.ImageSharedWithOthers
	ManagedSoftwareIncluded     bool
	ImageType                   types.ImageType
}

type applicationOutput struct {
	Name        string
	DisplayName string
	IconURL     string
	LaunchPath  string
	Enabled     bool
	Metadata    map[string]string
	Platforms   []types.PlatformType
	CreatedTime json.Number
}

type imageErrorOutput struct {
	ErrorCode      string
	ErrorMessage   string
	ErrorTimestamp json.Number `json:",omitempty"`
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
		Applications:                newApplicationOutputs(image),
		CreatedTime:                 epochSeconds(image.CreatedTime),
		PublicBaseImageReleasedDate: epochSeconds(image.CreatedTime.AddDate(0, -1, 0)),
		AppstreamAgentVersion:       "06-17-2026",
		ImagePermissions:            map[string]bool{"allowFleet": true, "allowImageBuilder": true},
		ImageErrors:                 []imageErrorOutput{},
		LatestAppstreamAgentVersion: types.LatestAppstreamAgentVersionFalse,
		DynamicAppProvidersEnabled:  types.DynamicAppProvidersEnabledDisabled,
		ImageSharedWithOthers:       types.ImageSharedWithOthersFalse,
		ManagedSoftwareIncluded:     image.ManagedSoftwareIncluded,
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
			shown.ImageErrors = append(shown.ImageErrors, imageErrorOutput{e.Code, e.Message, epochSeconds(e.Time)})
		}
	}
	return shown
}

func newApplicationOutputs(image *storedImage) []applicationOutput {
	applications := []applicationOutput{}
	for n := range image.Applications {
		name := fmt.Sprintf("Application%d", n+1)
		applications = append(applications, applicationOutput{
			Name:        name,
			DisplayName: fmt.Sprintf("Application %d", n+1),
			IconURL:     "https://appstream-app-icons.s3.amazonaws.com/" + image.Name + "/" + name + ".png",
			LaunchPath:  `C:\Program Files\` + name + `\` + name + ".exe",
			Enabled:     true,
			Metadata:    map[string]string{},
			Platforms:   []types.PlatformType{image.Platform},
			CreatedTime: epochSeconds(image.CreatedTime),
		})
	}
	return applications
}
