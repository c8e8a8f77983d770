package notify

import "time"

// The changes that the keeper tells of AMIs.
const (
	AMICopied         Type = "AmiCopied"
	AMICopyFailed     Type = "AmiCopyFailed"
	AMIsRetiring      Type = "AmisRetiring" // they are deregistered when the grace has passed
	AMIsRetired       Type = "AmisRetired"
	AMINotRetired     Type = "AmiNotRetired"
	AMIPointerFailed  Type = "AmiPointerFailed"
	AMINotImportable  Type = "AmiNotImportable"
	AMIsKeptByHand    Type = "AmisKeptByHand"    // somebody took them into their own hands
	RetirementStopped Type = "RetirementStopped" // nothing is retired until somebody changes something
)

// AMI is one of the AMIs that a document of the keeper's is about.
type AMI struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Region       string    `json:"region"`
	Family       string    `json:"family,omitempty"`
	ImageName    string    `json:"imageName,omitempty"`
	ExportedAt   time.Time `json:"exportedAt,omitzero"`
	ImageARN     string    `json:"imageArn,omitempty"`
	SourceAMI    string    `json:"sourceAmi,omitempty"`
	SourceRegion string    `json:"sourceRegion,omitempty"`
	RetireAt     time.Time `json:"retireAt,omitzero"`
	Reason       string    `json:"reason,omitempty"`
}

// SeveralImages is the ImageName of a document about AMIs of several images.
const SeveralImages = "*"
