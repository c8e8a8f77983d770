package reliability

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/localaws/gateway"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/work"
)

// truth is what really happened in a simulation, to hold what the function does and says against.
type truth struct {
	s       *simulation
	births  map[string][]time.Time         // by image name: when each of that name came to be
	asked   map[string]bool                // images that a request named
	refused map[string]bool                // images that AppStream refused to start, or to tell of, at some time
	givenUp map[string]bool                // images of which was told that they could not be started in time
	made    map[string]int                 // by task id: the number of the call that made it
	tried   map[*process]map[string]int    // by process and AMI name: the number of the last call that tried to make it
	told    map[string]map[notify.Type]int // by task id
	known   int                            // how many tasks have been seen

	duplicates map[string]bool // AMI names of which was told that there are two AMIs
	followed   map[string]bool // task ids whose watch was queued
	abandoned  map[string]bool // trigger ids of which was told that the rest is given up
	unmarked   map[string]bool // AMI names whose mark a person has removed
}

func newTruth(s *simulation) truth {
	return truth{
		s: s, births: map[string][]time.Time{}, asked: map[string]bool{}, refused: map[string]bool{}, givenUp: map[string]bool{},
		made:  map[string]int{},
		tried: map[*process]map[string]int{}, told: map[string]map[notify.Type]int{}, duplicates: map[string]bool{},
		followed: map[string]bool{}, abandoned: map[string]bool{}, unmarked: map[string]bool{},
	}
}

func (s *simulation) born(name string) { s.births[name] = append(s.births[name], time.Now()) }

// selected tells whether the stack means the image. It is written differently from the code under test.
func selected(name string) bool {
	return strings.HasPrefix(name, "prod-") && !strings.HasPrefix(name, "prod-skip")
}

// observe checks each call that the function makes, at once.
func (s *simulation) observe(a *awaited) {
	switch a.call.Action {
	case "CreateExportImageTask":
		s.checkStart(a)
	case "TagResource":
		s.checkMark(a)
	case "SendMessage":
		var item work.Item
		if json.Unmarshal([]byte(a.call.Param("MessageBody")), &item) == nil && item.Watch != nil && done(a) {
			s.followed[item.Watch.TaskID] = true
		}
	case "ListTagsForResource":
		if _, image, _ := strings.Cut(a.call.Param("ResourceArn"), ":image/"); a.effect.Kind == gateway.Refuse {
			s.refused[image] = true // an image whose tags are kept from us cannot be exported
		}
	}
}

// mayPass are refusals that are no reason to reject an image.
var mayPass = []string{"ThrottlingException", "LimitExceededException", "ConcurrentModificationException", "ResourceNotAvailableException"}

// checkStart has no export be started blindly: since this process began to look at the tasks, it must not have tried the same
// name, and the name must have been free.
func (s *simulation) checkStart(a *awaited) {
	image, name := a.call.Param("ImageName"), a.call.Param("AmiName")
	var input struct{ TagSpecifications map[string]string }
	if err := json.Unmarshal(a.call.Body, &input); err != nil {
		s.t.Errorf("CreateExportImageTask: %v", err)
	}
	if input.TagSpecifications["appstream-ami-exporter:trigger"] != "request" && !selected(image) || !selected(image) && !s.asked[image] {
		s.t.Errorf("an export of %s is started by a %s, which is not selected", image,
			input.TagSpecifications["appstream-ami-exporter:trigger"])
	}
	if s.tried[a.process] == nil {
		s.tried[a.process] = map[string]int{}
	}
	if before := s.tried[a.process][name]; before > a.process.looked {
		s.t.Errorf("the start of %s is repeated without a look at the tasks in between", name)
	}
	s.tried[a.process][name] = a.call.Number

	tasks := s.appStream.Tasks()
	for _, task := range tasks[:min(s.known, len(tasks))] {
		if task.AMIName == name && !failed(task.State) && s.made[task.TaskID] < a.process.looked {
			s.t.Errorf("an export to %s is started, though its task %s was there to be seen", name, task.TaskID)
		}
	}
	for _, task := range tasks[s.known:] {
		s.made[task.TaskID] = a.call.Number
	}
	s.known = len(tasks)
	if a.status >= 400 && a.status < 500 && !slices.Contains(mayPass, a.effect.Code) {
		s.refused[image] = true
	}
}

// done tells whether the service did what the call asked for, whatever became of its answer.
func done(a *awaited) bool {
	kind := a.effect.Kind
	return a.status == 200 || kind == gateway.ResetAfter || kind == gateway.HangAfter || kind == gateway.KillAfter
}

// checkMark has no image be marked with an AMI that is not its own.
func (s *simulation) checkMark(a *awaited) {
	if !done(a) {
		return
	}
	_, image, _ := strings.Cut(a.call.Param("ResourceArn"), ":image/")
	s.checkMarker(image)
}

// checkMarker has a marker tell the truth: the AMI is there, and was made of this very image.
func (s *simulation) checkMarker(image string) {
	tags := s.appStream.TagsOf(image)
	name := tags["appstream-ami-exporter:ami-name"]
	if name == "" {
		return
	}
	for _, task := range s.appStream.Tasks() { // of twins of one name both may have completed
		complete := task.State == types.ExportImageTaskStateCompleted
		if task.AMIName != name || !complete || task.AMIID != tags["appstream-ami-exporter:ami-id"] {
			continue
		}
		if task.ImageName != image {
			s.t.Errorf("%s is marked %v, but the AMI is of %s", image, tags, task.ImageName)
		}
		if last := s.births[image][len(s.births[image])-1]; last.After(task.Created) {
			s.t.Errorf("%s of %s is marked with %s, which was made of an earlier image at %s", image, last, name, task.Created)
		}
		return
	}
	s.t.Errorf("%s is marked %v, and there is no such AMI", image, tags)
}

func failed(state types.ExportImageTaskState) bool {
	return state == types.ExportImageTaskStateFailed || state == types.ExportImageTaskStateTimedOut
}

// told checks each notification against what is true at this moment.
func (s *simulation) told(p publication) {
	d := p.document
	s.tracef("told %s of %s: %s", d.Type, d.ImageName, d.ID)
	if d.Task != nil {
		if s.truth.told[d.Task.TaskID] == nil {
			s.truth.told[d.Task.TaskID] = map[notify.Type]int{}
		}
		s.truth.told[d.Task.TaskID][d.Type]++
	}
	var task *appstream.Task
	for _, other := range s.appStream.Tasks() {
		if d.Task != nil && other.TaskID == d.Task.TaskID {
			task = &other
		}
	}
	switch d.Type {
	case notify.ExportStarted:
		if task == nil || task.ImageName != d.ImageName || task.AMIName != d.Task.AMIName {
			s.t.Errorf("%s: there is no such task: %+v", d.ID, task)
		}
	case notify.ExportCompleted:
		if d.Error != nil && d.Error.Code == "DuplicateAmi" {
			s.checkDuplicate(d)
		}
		if task == nil || task.State != types.ExportImageTaskStateCompleted || task.AMIID != d.Task.AMIID {
			s.t.Errorf("%s: the task is %+v", d.ID, task)
		}
	case notify.ExportFailed:
		if task == nil || !failed(task.State) || string(task.State) != d.Task.State {
			s.t.Errorf("%s: the task is %+v", d.ID, task)
		} else if twin := s.liveTwin(*task); twin != "" {
			s.t.Errorf("%s: a false alarm, the task %s exports the image to the same AMI name", d.ID, twin)
		}
	case notify.ExportRejected:
		if !s.refused[d.ImageName] && s.exportable(d.ImageName) && p.at.Sub(d.Trigger.Time) > 15*time.Minute {
			s.t.Errorf("%s was rejected, though AppStream never refused it: %s", d.ImageName, d.Summary)
		}
	case notify.ExportGivenUp:
		limit := 8 * time.Hour
		s.givenUp[d.ImageName] = s.givenUp[d.ImageName] || d.Task == nil
		if d.Task == nil {
			s.abandoned[d.Trigger.ID] = true
		}
		if d.Task != nil {
			limit = 4 * time.Hour
		}
		if waited := p.at.Sub(d.Trigger.Time); waited < limit-time.Minute {
			s.t.Errorf("%s: given up after %s, want %s at the least", d.ID, waited, limit)
		}
		if d.Error == nil || d.Error.Hint == "" || d.Error.Message == "" {
			s.t.Errorf("%s: given up without saying why and what to do: %+v", d.ID, d.Error)
		}
	}
}

// liveTwin is another task for the same image and AMI name that runs or has completed.
func (s *simulation) liveTwin(of appstream.Task) string {
	for _, task := range s.appStream.Tasks() {
		if task.TaskID != of.TaskID && task.AMIName == of.AMIName && task.ImageName == of.ImageName && !failed(task.State) &&
			!task.Forgotten {
			return task.TaskID
		}
	}
	return ""
}

// exportable tells whether AppStream would export the image now.
func (s *simulation) exportable(name string) bool {
	return slices.ContainsFunc(s.appStream.Images(), func(image appstream.Image) bool {
		return image.Name == name && image.State == types.ImageStateAvailable && image.Platform == types.PlatformTypeWindowsServer2022
	})
}

// allTold tells whether the end of every task that has ended is told and its image marked.
func (s *simulation) allTold() bool {
	for _, task := range s.appStream.Tasks() {
		if task.Forgotten || task.Ended.IsZero() {
			continue
		}
		told := s.truth.told[task.TaskID]
		if told[notify.ExportCompleted]+told[notify.ExportFailed] == 0 {
			return false
		}
		if tags := s.appStream.TagsOf(task.ImageName); tags != nil && task.State == types.ExportImageTaskStateCompleted &&
			tags["appstream-ami-exporter:ami-name"] == "" {
			return false
		}
	}
	return len(s.work.messages)+len(s.failed.messages) == 0 && !s.busy()
}

// judge checks what is left when all is over.
func (s *simulation) judge() {
	for _, q := range []*queue{s.work, s.dead, s.failed} {
		if len(q.messages) > 0 {
			s.t.Errorf("%d messages are left in %s, the first is %s", len(q.messages), q.Name, q.oldest())
		}
		if len(q.expired)+len(q.buried) > 0 {
			s.t.Errorf("%s lost %d messages by age and %d by receives", q.Name, len(q.expired), len(q.buried))
		}
	}
	completed := map[string]int{}
	tasks := s.appStream.Tasks()
	for _, task := range tasks {
		s.judgeTask(task, tasks)
		if task.State == types.ExportImageTaskStateCompleted {
			completed[task.AMIName]++
		}
	}
	for name, n := range completed {
		switch {
		case n <= 1:
		case s.options.appStream.Twins != appstream.CompleteTwin:
			s.t.Errorf("there are %d AMIs %s", n, name)
		case !s.duplicates[name] && !s.untold(name):
			s.t.Errorf("there are %d AMIs %s, and nobody was told", n, name)
		}
	}
	for _, image := range s.appStream.Images() {
		s.judgeImage(image, tasks)
	}
}

// checkDuplicate has it be told only where there are two AMIs of one name, and of both.
func (s *simulation) checkDuplicate(d notify.Document) {
	s.duplicates[d.Task.AMIName] = true
	named := 0
	for _, ami := range s.appStream.AMIs() {
		if ami.Name == d.Task.AMIName && strings.Contains(d.Error.Message, ami.ID) {
			named++
		}
	}
	if named != 2 {
		s.t.Errorf("%s: %d of the AMIs that it names are there: %s", d.ID, named, d.Error.Message)
	}
}

// untold tells whether the end of one of the exports to the AMI name was not told as completed, and need not be: it was given up
// before, nobody followed it, or AppStream had forgotten the other when it ended.
func (s *simulation) untold(name string) bool {
	for _, task := range s.appStream.Tasks() {
		if task.AMIName == name && (s.truth.told[task.TaskID][notify.ExportCompleted] == 0 || task.Forgotten) {
			return true
		}
	}
	return false
}

func (s *simulation) judgeTask(task appstream.Task, all []appstream.Task) {
	told := s.truth.told[task.TaskID]
	if task.Tags["appstream-ami-exporter:trigger"] == "request" && told[notify.ExportStarted] == 0 {
		return // its caller was told that it failed
	}
	if !s.followed[task.TaskID] && s.options.appStream.TellsNoTags {
		return // whoever started it died before it was followed, and nobody can know whose it is
	}
	if !s.followed[task.TaskID] && s.abandoned[task.Tags["appstream-ami-exporter:trigger-id"]] {
		return // the same, and AppStream could not be read again until all of the run was given up, which was told
	}
	if told[notify.ExportStarted] == 0 {
		s.t.Errorf("nobody was told that the task %s of %s has started", task.TaskID, task.ImageName)
	}
	ended := told[notify.ExportCompleted] + told[notify.ExportFailed]
	switch {
	case told[notify.ExportGivenUp] > 0:
		if ended > 0 && told[notify.ExportStarted] < 2 {
			s.t.Errorf("the task %s was given up and told to have ended: %v", task.TaskID, told)
		}
	case task.State == types.ExportImageTaskStateCompleted && told[notify.ExportCompleted] == 0:
		s.t.Errorf("nobody was told that the task %s of %s has completed", task.TaskID, task.ImageName)
	case task.State == types.ExportImageTaskStateExporting:
		s.t.Errorf("the task %s of %s still runs, and nobody was told that it was given up", task.TaskID, task.ImageName)
	case failed(task.State) && told[notify.ExportFailed] == 0:
		// Silence is right where a twin lived when this task had failed.
		twin := slices.ContainsFunc(all, func(other appstream.Task) bool {
			return other.TaskID != task.TaskID && other.AMIName == task.AMIName && (!failed(other.State) || other.Ended.After(task.Ended))
		})
		if !twin {
			s.t.Errorf("nobody was told that the task %s of %s is %s", task.TaskID, task.ImageName, task.State)
		}
	}
}

// judgeImage has every image that the stack means be exported and marked, or somebody know why not.
func (s *simulation) judgeImage(image appstream.Image, tasks []appstream.Task) {
	s.checkMarker(image.Name)
	if !selected(image.Name) || !s.exportable(image.Name) {
		return
	}
	var own []appstream.Task
	for _, task := range tasks {
		if task.ImageName == image.Name && !task.Created.Before(image.CreatedTime) {
			own = append(own, task)
		}
	}
	if len(own) == 0 {
		if image.CreatedTime.Before(s.calm) && !s.givenUp[image.Name] {
			s.t.Errorf("%s was never exported", image.Name)
		}
		return
	}
	complete := func(task appstream.Task) bool { return task.State == types.ExportImageTaskStateCompleted }
	unknown := func(task appstream.Task) bool {
		// Where each night has an AMI of its own, no later night looks for the mark of an earlier one.
		pastNight := s.unmarked[task.AMIName] && strings.Contains(s.options.parameters["AmiNameTemplate"], "{date}")
		return s.truth.told[task.TaskID][notify.ExportCompleted] == 0 || pastNight
	}
	if i := slices.IndexFunc(own, complete); i >= 0 && image.Tags["appstream-ami-exporter:ami-name"] == "" && !unknown(own[i]) {
		s.t.Errorf("%s has the AMI %s and is not marked: %v", image.Name, own[i].AMIName, image.Tags)
	}
}
