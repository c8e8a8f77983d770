package keep

import "time"

// Facts are what one pass has observed. A plan follows from them and the configuration alone.
type Facts struct {
	Now     time.Time
	Regions []RegionFacts   // home first, then the Regions of the copies
	Proved  map[string]bool // AMIs at home that AppStream shows to be finished exports
	Heard   bool            // somebody hears what is told
}

// RegionFacts are what one Region shows.
type RegionFacts struct {
	Region string
	Listing

	// Unread says what could not be read, each in a sentence: nothing is retired in the Region in this pass. Where Unlisted is
	// set, not even the AMIs are known.
	Unread   []string
	Unlisted bool

	Guards   map[string]Guard   // of the candidates, by AMI id
	Pointers map[string]Pointer // by name; those that could not be read are left out
	Undo     UndoRules
}

// Guard is what tells whether an AMI that no rule keeps is in use.
type Guard struct {
	References   []string
	SharedWith   []string
	SnapshotTags map[string]map[string]string // by snapshot id, of those that are seen
}
