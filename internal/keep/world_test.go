package keep_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"appstream-ami-exporter/internal/keep"
	"appstream-ami-exporter/internal/metrics"
	"appstream-ami-exporter/internal/notify"
	"appstream-ami-exporter/internal/tags"
)

const (
	account = "123456789012"
	home    = "eu-west-1"
	stack   = "exports@eu-west-1"
)

// world is an account of AWS in memory, in virtual time, with people in it. Everything that a keeper changes goes through it, and
// what no keeper may do is noted at that moment, by what is true and not by what the keeper has seen.
type world struct {
	rnd     *rand.Rand
	now     time.Time
	config  keep.Config
	regions []*region
	images  map[string]map[string]string // tags of AppStream images by ARN
	tasks   []keep.Task

	subscriptions int
	published     []publication
	toldRetiring  map[string]promise // by AMI id: what was promised last
	ids           int

	fault      func(call string) fault // what goes wrong with a call; nil: nothing
	onLastLook func()                  // before the last look at an AMI: people meddle
	calls      int
	killAt     int // the call in which the pass dies; 0: in none
	dead       bool
	skew       time.Duration // of the function's clock
	reliable   bool          // whether no copy fails and all snapshots are deleted
	violated   []string

	passStart time.Time
	unread    map[string]bool // Regions of which a read failed in this pass
	fenced    map[string]bool // Regions in which the fence was tried in this pass, and held
	retired   map[string]int  // how many were deregistered, by family, Region and day
	log       strings.Builder
	tallied   tallied
	killed    int64
	documents int64
}

// promise is what a document AmisRetiring has said of an AMI.
type promise struct{ told, at time.Time }

type publication struct {
	notify.Document
	at time.Time
}

// region is one Region of the world.
type region struct {
	*world
	name       string
	amis       []*ami
	snapshots  map[string]*snapshot
	parameters map[string]*parameter
	undo       keep.UndoRules
	open       bool // whether the policy lets the keeper deregister AMIs of others
	tokens     map[string]*ami
}

// ami is an AMI with what EC2 does not show in a listing.
type ami struct {
	keep.AMI
	genuine    bool // a finished export, or a copy that the keeper made of one
	byPerson   bool // its DeprecationTime was set by a person
	shownFrom  time.Time
	gone       time.Time // when it was deregistered; zero: it is there
	byKeeper   bool      // and by whom
	restored   bool
	references []string
	shared     []string
	available  time.Time // when a pending one becomes available
	fails      bool
	source     *ami
	uncounted  bool // a person removed the count of the attempts to copy it
}

type snapshot struct {
	tags        map[string]string
	shared      []string
	taggedSince time.Time // since when it has the stack's tag
}

type parameter struct {
	keep.Pointer
	silent bool // values are taken and not written
}

func newWorld(seed uint64, regions ...string) *world {
	w := &world{
		rnd:           rand.New(rand.NewPCG(seed, 0)),
		now:           time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC),
		images:        map[string]map[string]string{},
		subscriptions: 1,
		toldRetiring:  map[string]promise{},
		retired:       map[string]int{},
	}
	for _, name := range append([]string{home}, regions...) {
		w.regions = append(w.regions, &region{
			world: w, name: name, snapshots: map[string]*snapshot{}, parameters: map[string]*parameter{}, tokens: map[string]*ami{},
			undo: keep.UndoRules{AMIs: 7 * day, Snapshots: 7 * day},
		})
	}
	w.config = keep.Config{
		Stack: stack, Partition: "aws", Account: account, Home: home, On: true, Location: time.UTC,
		Keep: keep.Rules{Last: 3}, GraceDays: 14, UnusedDays: 30, RetireAtMost: 5, UndoDays: 7, OwnTopic: true, CopyRegions: regions,
	}
	return w
}

const day = 24 * time.Hour

func (w *world) region(name string) *region {
	for _, r := range w.regions {
		if r.name == name {
			return r
		}
	}
	return nil
}

func (w *world) violation(format string, args ...any) {
	w.violated = append(w.violated, w.now.Format(time.RFC3339)+" "+fmt.Sprintf(format, args...))
}

// keeper is the function as it is deployed now.
func (w *world) keeper() *keep.Keeper {
	regions := map[string]keep.Region{}
	for _, r := range w.regions {
		regions[r.name] = r
	}
	k, err := keep.New(keep.Keeper{
		Config: w.config, Regions: regions, AppStream: appStream{w}, Topic: topic{w},
		Now:     func() time.Time { return w.now.Add(w.skew) },
		Sleep:   func(_ context.Context, d time.Duration) error { w.now = w.now.Add(d); return nil },
		Log:     slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelError})),
		Metrics: &metrics.Recorder{Out: io.Discard, Function: "keeper", Now: func() time.Time { return w.now }},
	})
	if err != nil {
		panic(err)
	}
	return k
}

// pass runs one invocation.
func (w *world) pass() (keep.Plan, error) {
	w.calls, w.dead, w.passStart = 0, false, w.now
	w.unread, w.fenced = map[string]bool{}, map[string]bool{}
	w.log.Reset()
	plan, err := w.keeper().Pass(context.Background())
	if w.dead {
		err = errors.New("killed")
	}
	w.dead, w.killAt = false, 0
	return plan, err
}

// fault is what goes wrong with a call.
type fault int

const (
	none      fault = iota
	throttled       // not done
	lost            // done, and the answer is lost
	outage          // not done, and nobody knows
	refused         // not done
	denied          // not done
)

// call stands before each call: time passes, the process may be killed, people meddle, and things go wrong. It returns an error
// for a call that is not done, and one for what the caller hears though it is.
func (w *world) call(operation, region string) (notDone, heard error) {
	killed := &keep.Failure{Operation: operation, Outcome: keep.Unknown, Message: "the process was killed"}
	if w.dead {
		return killed, nil
	}
	w.calls++
	w.now = w.now.Add(50 * time.Millisecond)
	if w.calls == w.killAt {
		w.dead = true
		w.killed++
		if w.rnd.IntN(2) == 0 {
			return killed, nil
		}
		return nil, killed
	}
	if w.fault == nil {
		return nil, nil
	}
	failure := func(outcome keep.Outcome, code string) error {
		return &keep.Failure{Operation: operation, Outcome: outcome, Code: code, Message: "a fault of this world"}
	}
	switch w.fault(operation) {
	case throttled:
		notDone = failure(keep.Throttled, "RequestLimitExceeded")
	case outage:
		notDone = failure(keep.Unknown, "InternalError")
	case refused:
		notDone = failure(keep.Refused, "OperationNotPermitted")
	case denied:
		notDone = failure(keep.Denied, "UnauthorizedOperation")
	case lost:
		heard = failure(keep.Unknown, "")
	}
	return notDone, heard
}

// read is call for what changes nothing; that it failed is kept in mind.
func (r *region) read(operation string) error {
	notDone, heard := r.call(operation, r.name)
	if err := cmp.Or(notDone, heard); err != nil {
		r.unread[r.name] = true
		return err
	}
	return nil
}

// settle lets time do its work: what is pending becomes available or fails.
func (r *region) settle() {
	for _, a := range r.amis {
		if a.State == keep.StatePending && !r.now.Before(a.available) {
			a.State = keep.StateAvailable
			if a.fails {
				a.State, a.StateReason = keep.StateFailed, "Client.InternalError: the key cannot be used"
			}
		}
	}
}

const ghost = 10 * time.Minute

func (r *region) AMIs(_ context.Context, stack string) (keep.Listing, error) {
	if err := r.read("DescribeImages"); err != nil {
		return keep.Listing{}, err
	}
	r.settle()
	var shown []*ami
	for _, a := range r.amis {
		if (a.gone.IsZero() || r.now.Sub(a.gone) < ghost) && !r.now.Before(a.shownFrom) && a.OwnerID == account &&
			a.Tags[tags.Stack] == stack {
			shown = append(shown, a)
		}
	}
	r.rnd.Shuffle(len(shown), func(i, j int) { shown[i], shown[j] = shown[j], shown[i] })
	listed := make([]keep.AMI, len(shown))
	for i, a := range shown {
		listed[i] = a.shown()
	}
	return keep.Listing{AMIs: listed, ServerTime: r.now}, nil
}

// shown is a copy: what was read does not change.
func (a *ami) shown() keep.AMI { return a.AMI }

func (r *region) AMIsByID(_ context.Context, ids []string) ([]keep.AMI, error) {
	if err := r.read("DescribeImages by id"); err != nil {
		return nil, err
	}
	r.settle()
	var seen []keep.AMI
	for _, a := range r.amis {
		if slices.Contains(ids, a.ID) && a.gone.IsZero() {
			seen = append(seen, a.shown())
		}
	}
	return seen, nil
}

func (r *region) find(id string) *ami {
	for _, a := range r.amis {
		if a.ID == id && a.gone.IsZero() {
			return a
		}
	}
	return nil
}

func (r *region) ForeignAMI(_ context.Context, stack string) (string, error) {
	if err := r.read("DescribeImages of others"); err != nil {
		return "", err
	}
	if r.onLastLook != nil && !r.dead {
		r.onLastLook()
	}
	for _, a := range r.amis {
		if a.gone.IsZero() && a.OwnerID == account && a.Tags[tags.Stack] != stack {
			return a.ID, nil
		}
	}
	r.fenced[r.name] = true // there is nothing to try it with
	return "", nil
}

func (r *region) References(_ context.Context, ids []string) (map[string][]string, error) {
	if err := r.read("DescribeImageReferences"); err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, a := range r.amis {
		if len(a.references) > 0 && slices.Contains(ids, a.ID) {
			found[a.ID] = a.references
		}
	}
	for name, p := range r.parameters {
		if p.DataType == keep.PointerDataType && slices.Contains(ids, p.Value) {
			found[p.Value] = append(found[p.Value][:len(found[p.Value]):len(found[p.Value])], "ssm:Parameter "+name)
		}
	}
	return found, nil
}

func (r *region) SharedWith(_ context.Context, shown keep.AMI) ([]string, error) {
	if err := r.read("DescribeImageAttribute"); err != nil {
		return nil, err
	}
	var with []string
	if a := r.find(shown.ID); a != nil {
		with = append(with, a.shared...)
		for _, device := range a.BlockDevices {
			with = append(with, r.snapshots[device.SnapshotID].shared...)
		}
	}
	return with, nil
}

func (r *region) SnapshotTags(_ context.Context, ids []string) (map[string]map[string]string, error) {
	if err := r.read("DescribeSnapshots"); err != nil {
		return nil, err
	}
	seen := map[string]map[string]string{}
	for _, id := range ids {
		if s, ok := r.snapshots[id]; ok {
			seen[id] = s.tags
		}
	}
	return seen, nil
}

func (r *region) UndoRules(context.Context, string) (keep.UndoRules, error) {
	if err := r.read("ListRules"); err != nil {
		return keep.UndoRules{}, err
	}
	return r.undo, nil
}

func (r *region) Pointer(_ context.Context, name string) (keep.Pointer, error) {
	if err := r.read("GetParameter"); err != nil {
		return keep.Pointer{}, err
	}
	if p, ok := r.parameters[name]; ok {
		return p.Pointer, nil
	}
	return keep.Pointer{}, nil
}

// change is call for what changes one AMI.
func (r *region) change(operation, id string) (a *ami, heard, err error) {
	notDone, heard := r.call(operation, r.name)
	if notDone != nil {
		return nil, nil, notDone
	}
	if a = r.find(id); a == nil {
		return nil, nil, &keep.Failure{Operation: operation, Outcome: keep.Missing, Code: "InvalidAMIID.NotFound"}
	}
	return a, heard, nil
}

var keepersKeys = []string{tags.Complete, tags.RetireAt, tags.Retired, tags.Told, tags.Copies}

func (r *region) TagAMI(_ context.Context, id string, set map[string]string) error {
	a, heard, err := r.change("CreateTags", id)
	if err != nil {
		return err
	}
	if a.Tags[tags.Stack] != stack {
		r.violation("%s in %s is tagged, and is not of the stack", id, r.name)
	}
	changed := maps.Clone(a.Tags)
	for key, value := range set {
		if !slices.Contains(keepersKeys, key) {
			r.violation("the keeper sets the tag %s of %s", key, id)
		}
		if len(value) > 256 {
			r.violation("the tag %s of %s is too long: %s", key, id, value)
		}
		changed[key] = value
	}
	if len(changed) > 50 {
		r.violation("%s would have %d tags", id, len(changed))
	}
	if complete, ok := set[tags.Complete]; ok && (!a.genuine || complete != id || a.State != keep.StateAvailable) {
		r.violation("%s in %s is tagged as complete: %q", id, r.name, complete)
	}
	if _, ok := set[tags.RetireAt]; ok {
		r.checkMark(a)
		r.tallied.marked++
	}
	a.Tags = changed
	return heard
}

// checkMark checks what has to be true when an AMI is marked.
func (r *region) checkMark(a *ami) {
	if !r.config.On {
		r.violation("%s is marked in PLAN", a.ID)
	}
	if a.byPerson {
		r.violation("%s is marked, and a person has deprecated it", a.ID)
	}
	if r.subscriptions == 0 && r.config.OwnTopic {
		r.violation("%s is marked, and nobody hears", a.ID)
	}
	if p, promised := r.toldRetiring[a.ID]; !promised || !p.at.Equal(a.DeprecationTime) {
		r.violation("%s is marked for %s, and what was told is %v", a.ID, a.DeprecationTime, p)
	}
}

func (r *region) UntagAMI(_ context.Context, id string, keys ...string) error {
	a, heard, err := r.change("DeleteTags", id)
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		r.violation("DeleteTags without keys")
	}
	a.Tags = maps.Clone(a.Tags)
	for _, key := range keys {
		if key != tags.RetireAt && key != tags.Retired {
			r.violation("the keeper removes the tag %s", key)
		}
		delete(a.Tags, key)
	}
	return heard
}

func (r *region) TagSnapshots(_ context.Context, ids []string, set map[string]string) error {
	notDone, heard := r.call("CreateTags of snapshots", r.name)
	if notDone != nil {
		return notDone
	}
	for _, id := range ids {
		s := r.snapshots[id]
		if other, tagged := s.tags[tags.Stack]; tagged && other != stack {
			r.violation("the snapshot %s of another stack is tagged", id)
		}
		s.tags = maps.Clone(s.tags)
		maps.Copy(s.tags, set)
		s.taggedSince = r.now
	}
	return heard
}

func (r *region) Deprecate(_ context.Context, id string, at time.Time) error {
	a, heard, err := r.change("EnableImageDeprecation", id)
	if err != nil {
		return err
	}
	if r.onLastLook == nil { // a mark is told and can be undone: it is not looked at again what happened in between
		r.checkDestroyable(a, "deprecated")
	}
	local := at.In(r.config.Location)
	if local.Hour()+local.Minute()+local.Second() != 0 && local.Add(-time.Minute).Day() == local.Day() {
		r.violation("%s is to be retired at %s, which is no midnight", id, local)
	}
	if at.Before(r.now.Add(r.skew).Add(time.Duration(r.config.GraceDays) * day)) {
		r.violation("%s is to be retired at %s, less than %d days away", id, at, r.config.GraceDays)
	}
	if a.byPerson {
		r.violation("the deprecation of %s, which a person has set, is changed", id)
	}
	same := 0
	for _, other := range r.amis {
		if other != a && other.gone.IsZero() && r.family(other) == r.family(a) && other.Tags[tags.RetireAt] != "" &&
			other.DeprecationTime.Equal(at) && r.counts(other) {
			same++
		}
	}
	if same >= r.config.RetireAtMost {
		r.violation("%s is the AMI no. %d of its family to be retired at %s", id, same+1, at)
	}
	a.DeprecationTime, a.byPerson = at.Round(time.Minute), false
	return heard
}

func (r *region) CancelDeprecation(_ context.Context, id string) error {
	a, heard, err := r.change("DisableImageDeprecation", id)
	if err != nil {
		return err
	}
	if a.byPerson {
		r.violation("the deprecation of %s, which a person has set, is cancelled", id)
	}
	a.DeprecationTime = time.Time{}
	return heard
}

func (r *region) TryDeregister(_ context.Context, id string) error {
	a, heard, err := r.change("DeregisterImage (DryRun)", id)
	if failure, ok := errors.AsType[*keep.Failure](err); ok && failure.Outcome == keep.Denied {
		r.fenced[r.name] = true
	}
	if err != nil {
		return err
	}
	if a.Tags[tags.Stack] == stack {
		r.violation("the fence is tried with %s, which is of this stack", id)
	}
	if r.open || heard != nil {
		return heard
	}
	r.fenced[r.name] = true
	return &keep.Failure{Operation: "DeregisterImage", Outcome: keep.Denied, Code: "UnauthorizedOperation"}
}

func (r *region) Deregister(_ context.Context, id string) ([]keep.Snapshot, error) {
	a, heard, err := r.change("DeregisterImage", id)
	if err != nil {
		return nil, err
	}
	r.checkDeregister(a)
	if a.DeregistrationProtection == keep.ProtectionWithoutCooldown {
		return nil, &keep.Failure{Operation: "DeregisterImage", Outcome: keep.Refused, Code: "OperationNotPermitted"}
	}
	a.gone, a.byKeeper = r.now, true
	var left []keep.Snapshot
	for _, snapshotID := range a.SnapshotIDs() {
		if r.rnd.IntN(50) == 0 && !r.reliable {
			left = append(left, keep.Snapshot{ID: snapshotID, ReturnCode: "internal-error"})
		}
	}
	return left, heard
}

func (r *region) Copy(_ context.Context, order keep.Copy) (string, error) {
	notDone, heard := r.call("CopyImage", r.name)
	if notDone != nil {
		return "", notDone
	}
	source := r.region(order.SourceRegion).find(order.SourceID)
	if source == nil || source.State != keep.StateAvailable {
		return "", &keep.Failure{Operation: "CopyImage", Outcome: keep.Refused, Code: "InvalidAMIID.NotFound"}
	}
	if again, used := r.tokens[order.ClientToken]; used {
		if !source.uncounted {
			r.violation("a token is used twice, for %s", order.SourceID)
		}
		return again.ID, heard
	}
	if !source.genuine {
		r.violation("%s is copied, and is no finished export", order.SourceID)
	}
	tried := 0
	for _, other := range r.amis {
		if other.source == source && other.gone.IsZero() {
			tried++
			if other.State != keep.StateFailed && other.State != keep.StateDisabled && !r.now.Before(other.shownFrom) &&
				other.Tags[tags.SourceAMI] == order.SourceID && other.Tags[tags.Stack] == stack {
				r.violation("%s is copied to %s, and is there", order.SourceID, r.name)
			}
		}
	}
	for key := range order.Tags {
		if slices.Contains(keepersKeys, key) {
			r.violation("the tag %s travels with a copy", key)
		}
	}
	a := r.add(order.Name, maps.Clone(order.Tags))
	a.SourceImageID, a.SourceImageRegion, a.source, a.genuine = order.SourceID, order.SourceRegion, source, true
	a.State, a.available, a.fails = keep.StatePending, r.now.Add(20*time.Minute), r.rnd.IntN(8) == 0 && !r.reliable
	a.shownFrom = r.now.Add(time.Duration(r.rnd.IntN(60)) * time.Second)
	for _, id := range a.SnapshotIDs() {
		r.snapshots[id].tags, r.snapshots[id].taggedSince = order.Tags, r.now
	}
	r.tokens[order.ClientToken] = a
	if heard != nil {
		return "", heard
	}
	return a.ID, nil
}

func (r *region) CreatePointer(_ context.Context, name, amiID, stack string) error {
	notDone, heard := r.call("PutParameter", r.name)
	if notDone != nil {
		return notDone
	}
	if _, there := r.parameters[name]; there {
		return &keep.Failure{Operation: "PutParameter", Outcome: keep.Refused, Code: "ParameterAlreadyExists"}
	}
	r.checkPointer(name, amiID)
	r.parameters[name] = &parameter{Pointer: keep.Pointer{Exists: true, Value: amiID, Written: amiID, DataType: keep.PointerDataType,
		Stack: stack}}
	return heard
}

func (r *region) MovePointer(_ context.Context, name, amiID string) error {
	notDone, heard := r.call("PutParameter", r.name)
	if notDone != nil {
		return notDone
	}
	p, there := r.parameters[name]
	switch {
	case !there:
		r.violation("the parameter %s is moved, and is not there", name)
		return heard
	case p.Stack != stack:
		r.violation("the parameter %s of somebody else is moved", name)
	case p.Value != p.Written:
		r.violation("the parameter %s is moved, and a person has set it", name)
	}
	if current := r.find(p.Value); current != nil && newer(current, r.find(amiID)) {
		r.violation("the parameter %s goes back from %s to %s", name, p.Value, amiID)
	}
	r.checkPointer(name, amiID)
	if !p.silent {
		p.Value, p.Written = amiID, amiID
	}
	return heard
}

func (r *region) checkPointer(name, amiID string) {
	a := r.find(amiID)
	if a == nil || a.State != keep.StateAvailable || a.Tags[tags.Complete] != amiID || !a.genuine {
		r.violation("the parameter %s is to name %s, which is not to be used", name, amiID)
	}
}

// appStream is AppStream at home.
type appStream struct{ *world }

func (s appStream) Tasks(context.Context) ([]keep.Task, error) {
	if notDone, heard := s.call("ListExportImageTasks", home); cmp.Or(notDone, heard) != nil {
		s.unread[home] = true
		return nil, cmp.Or(notDone, heard)
	}
	return s.tasks, nil
}

func (s appStream) ImageTags(_ context.Context, arn string) (map[string]string, error) {
	if notDone, heard := s.call("ListTagsForResource", home); cmp.Or(notDone, heard) != nil {
		return nil, cmp.Or(notDone, heard)
	}
	return s.images[arn], nil
}

func (s appStream) TagImage(_ context.Context, arn string, set map[string]string) error {
	notDone, heard := s.call("TagResource", home)
	if notDone != nil {
		return notDone
	}
	if len(set) != 1 || set[tags.AMIID] != "retired" {
		s.violation("the image %s gets the tags %v", arn, set)
	}
	s.images[arn] = maps.Clone(s.images[arn])
	maps.Copy(s.images[arn], set)
	return heard
}

// topic is the stack's topic.
type topic struct{ *world }

func (t topic) Subscriptions(context.Context) (int, error) {
	if notDone, heard := t.call("GetTopicAttributes", home); cmp.Or(notDone, heard) != nil {
		for _, r := range t.regions {
			t.unread[r.name] = true
		}
		return 0, cmp.Or(notDone, heard)
	}
	return t.subscriptions, nil
}

func (t topic) Publish(_ context.Context, d notify.Document) error {
	notDone, heard := t.call("Publish", home)
	if notDone != nil {
		return notDone
	}
	t.documents++
	t.published = append(t.published, publication{d, t.now})
	t.published = t.published[max(0, len(t.published)-5000):]
	if d.Type == notify.AMIsRetiring {
		for _, a := range d.AMIs {
			t.toldRetiring[a.ID] = promise{t.now, a.RetireAt}
		}
	}
	return heard
}

// add makes an AMI with a snapshot.
func (r *region) add(name string, tagged map[string]string) *ami {
	r.ids++
	snapshotID := fmt.Sprintf("snap-%017x", r.ids)
	r.snapshots[snapshotID] = &snapshot{tags: map[string]string{}}
	a := &ami{AMI: keep.AMI{
		ID: fmt.Sprintf("ami-%017x", r.ids), Name: name, OwnerID: account, State: keep.StateAvailable, CreationDate: r.now, Tags: tagged,
		DeregistrationProtection: keep.ProtectionDisabled,
		BlockDevices:             []keep.BlockDevice{{DeviceName: "/dev/sda1", SnapshotID: snapshotID, VolumeType: "gp3", VolumeSize: 200}},
		Architecture:             "x86_64", VirtualizationType: "hvm", BootMode: "uefi", TPMSupport: "v2.0", ENASupport: true,
		PlatformDetails: "Windows",
	}}
	r.amis = append(r.amis, a)
	return a
}

func imageARN(name string) string {
	return "arn:aws:appstream:" + home + ":" + account + ":image/" + name
}

// export lets the exporter make an AMI of an image, and AppStream remember the task.
func (w *world) export(image string, created time.Time) *ami {
	name := image + "-" + w.now.Format("20060102T150405Z")
	a := w.region(home).add(name, map[string]string{
		tags.Stack: stack, tags.AMIName: tags.Marker(name), tags.ImageARN: imageARN(image), tags.TriggerID: "t", tags.Trigger: "schedule",
		tags.ImageCreated: created.UTC().Format(time.RFC3339), tags.ExportedAt: w.now.UTC().Format(time.RFC3339), "Owner": "desktop",
	})
	a.genuine = true
	w.tasks = append(w.tasks, keep.Task{ImageARN: imageARN(image), AMIID: a.ID, State: keep.TaskCompleted})
	w.images[imageARN(image)] = map[string]string{tags.AMIName: tags.Marker(name), tags.AMIID: a.ID}
	return a
}

// check fails the test with what was violated.
func (w *world) check(t *testing.T) {
	t.Helper()
	for _, violation := range w.violated {
		t.Error(violation)
	}
}

func newer(a, b *ami) bool {
	if b == nil {
		return false
	}
	for _, key := range []string{tags.ImageCreated, tags.ExportedAt} {
		x, errX := time.Parse(time.RFC3339, a.Tags[key])
		y, errY := time.Parse(time.RFC3339, b.Tags[key])
		if errX != nil || errY != nil {
			return false
		}
		if !x.Equal(y) {
			return x.After(y)
		}
	}
	return false
}

// Encrypt makes the AMI one that cannot be imported.
func (a *ami) Encrypt() { a.BlockDevices[0].Encrypted = true }

// tallied is what came of the AMIs that are forgotten.
type tallied struct{ retired, marked, copies, restored int64 }

func (w *world) done(r *region, a *ami) {
	if a.byKeeper {
		w.tallied.retired++
	}
	if a.restored {
		w.tallied.restored++
	}
	if r.name != home && a.source != nil {
		w.tallied.copies++
	}
	delete(w.toldRetiring, a.ID)
}

func (w *world) tally(total *counters) {
	for _, r := range w.regions {
		for _, a := range r.amis {
			w.done(r, a)
		}
	}
	total.retired.Add(w.tallied.retired)
	total.restored.Add(w.tallied.restored)
	total.copies.Add(w.tallied.copies)
	total.marked.Add(w.tallied.marked)
	total.killed.Add(w.killed)
	total.told.Add(w.documents)
}
