package doctor

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Trial is one export that was made on purpose, and what could be seen of it: `make doctor EXPORT=<image>`.
type Trial struct {
	Deployment Deployment
	Version    Answer[string] // of the function
	ImageName  string
	Images     Answer[[]Image] // what the Region has, the exported one among them
	AMIName    string
	Tag        string // the key of a tag that was asked for and nobody else sets

	Asked   time.Time // when the function had started the export
	States  []StateSeen
	Ended   bool      // the task has
	Errors  []string  // of the task, where it has failed
	Looked  time.Time // for the last time, to follow the task
	Looks   int       // calls made for that
	Refused int       // of these, those that AppStream throttled

	ListedAfter Answer[time.Duration]     // when the list first showed the task; absent where it never did
	TaskTags    Answer[map[string]string] // as a look at the task tells them
	ListTags    Answer[map[string]string] // as the list of tasks tells them
	Tasks       Answer[[]TaskSeen]        // in the order of AppStream's list
	Filter      Answer[string]            // what the list answers when it is asked for a state

	AMIAtEnd  Answer[string]        // the AMI's state when the task was seen COMPLETED; absent where EC2 showed no such AMI
	Available Answer[time.Duration] // from then until the AMI was available; absent where it never was
	AMI       Answer[AMI]
	Snapshots Answer[[]Snapshot]

	ExportQuotas Answer[[]string]       // AppStream's quotas that speak of exports
	ImageEvents  Answer[map[string]int] // CloudTrail's CreateImage events of 90 days, by the image's state
	Trust        Answer[Role]
	Second       *SecondStart // nil where none was made
}

// StateSeen is a state of the task, and when it was first seen.
type StateSeen struct {
	State string
	At    time.Time
}

// Image is an AppStream image, as far as a question is about it.
type Image struct {
	Name, State, Platform, Type, Visibility string
	SharedWithOthers                        bool
}

// TaskSeen is a task of AppStream's list.
type TaskSeen struct {
	Created time.Time
	State   string
	Ended   bool
	Errors  []string // codes
}

// AMI is what the export made.
type AMI struct {
	ID           string
	SourceID     string
	SourceRegion string
	Tags         map[string]string
}

// Snapshot is one of the AMI's.
type Snapshot struct {
	Encrypted bool
	Key       string // whose the key is: AWS or CUSTOMER, "" where it is not known
	GB        int    // of the volume
	Tags      map[string]string
}

// SecondStart is what became of a second start under the same AMI name.
type SecondStart struct {
	NotAsked string // why AppStream's answer to a second start is not known
	Refused  string // AppStream's code and words, where it refused at once
	SameTask bool   // it answered with the task of the first
	State    string // how the second task ended
	Errors   []string
	AMI      bool // it made an AMI, so there are two
}

// Question is something that AWS does not say.
type Question struct {
	Asks   string
	Either string // what is done whichever it is
	answer func(Trial) string
}

// Answered is a question with what a trial says of it.
type Answered struct{ Asks, Answer string }

// Answers asks every question of a trial.
func (t Trial) Answers() (all []Answered) {
	for _, q := range Questions() {
		all = append(all, Answered{q.Asks, q.answer(t)})
	}
	return all
}

// Report is a block to paste into an issue. It names no account, image or AMI.
func (t Trial) Report() string {
	var b strings.Builder
	version := "unknown version"
	if t.Version.There() {
		version = t.Version.Value
	}
	fmt.Fprintf(&b, "### What one export showed\n\n%s, %s, on %s\n\n", version, t.Deployment.Region, t.Asked.UTC().Format(time.DateOnly))
	for _, a := range t.Answers() {
		fmt.Fprintf(&b, "- **%s** %s\n", a.Asks, t.private(a.Answer))
	}
	return b.String()
}

// private puts words for what tells whose export it was: AWS's own sentences hold names and ARNs.
func (t Trial) private(text string) string {
	names := map[string]string{
		t.AMIName: "<AMI name>", t.ImageName: "<image>", t.Deployment.Account: "<account>", t.Deployment.Stack: "<stack>",
	}
	if t.AMI.There() {
		names[t.AMI.Value.ID], names[t.AMI.Value.SourceID] = "<AMI>", "<source AMI>"
	}
	delete(names, "")
	keys := slices.Collect(maps.Keys(names))
	slices.SortFunc(keys, func(a, b string) int { return len(b) - len(a) }) // one may hold another
	// First a character that no name holds, since an image can be called image.
	const stand = '\uE000' // of Unicode's private use
	var words []string
	for i, key := range keys {
		token := string(stand + rune(i))
		words = append(words, token, names[key])
		// Only where no letter or digit is beside it: an image can be called a as well.
		whole := regexp.MustCompile(`(^|[^A-Za-z0-9])` + regexp.QuoteMeta(key) + `($|[^A-Za-z0-9])`)
		for whole.MatchString(text) { // two in a row share the character between them
			text = whole.ReplaceAllString(text, "${1}"+token+"${2}")
		}
	}
	return strings.NewReplacer(words...).Replace(text)
}

// end is the last state that was seen.
func (t Trial) end() StateSeen {
	if len(t.States) == 0 {
		return StateSeen{}
	}
	return t.States[len(t.States)-1]
}

// Completed tells whether the export made its AMI.
func (t Trial) Completed() bool { return t.end().State == completed }

// completed is the one state in which there is an AMI.
const completed = "COMPLETED"
