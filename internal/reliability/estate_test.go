package reliability

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"appstream-ami-exporter/internal/localaws/appstream"
	"appstream-ami-exporter/internal/notify"
)

// estate is an account with many images and room for few exports at a time.
type estate struct {
	images int
	limit  int // exports at a time
	seed   uint64
}

// estates are those of the table in docs/PERFORMANCE.md. The small one is measured by every go test, all of them by make estate.
func estates() []estate {
	all := []estate{{images: 30, limit: 3}, {images: 250, limit: 2}, {images: 1000, limit: 20}}
	if !*measureEstates {
		return all[:1]
	}
	return all
}

const (
	shortestExport = 25 * time.Minute
	longestExport  = 65 * time.Minute

	// scheduled is how long after the beginning of a day, in virtual time, the schedule of an estate fires.
	scheduled = 2 * time.Hour
)

// measured is what an estate's nights came to.
type measured struct {
	estate
	nights     int
	makespan   time.Duration
	ideal      time.Duration
	starts     int // accepted
	vain       int // refused for the limit
	lateness   []time.Duration
	overLate   time.Duration // how much an end was told later than a minute and a 32nd of the export's duration; negative: never
	calls      map[string]int
	documents  map[notify.Type]int
	receives   int // the most of one message
	unexported int
}

// TestEstate measures how the backlog of a large estate is worked off, in virtual time, against ideal list scheduling: the next
// image starts in the moment in which an export ends.
func TestEstate(t *testing.T) {
	t.Parallel()
	var rows []measured
	t.Run("estates", func(t *testing.T) {
		for _, e := range estates() {
			t.Run(fmt.Sprintf("%d images, %d at a time", e.images, e.limit), func(t *testing.T) {
				m := measureEstate(t, e)
				t.Log(m.row())
				m.check(t)
				rows = append(rows, m)
			})
		}
	})
	if *measureEstates && !t.Failed() {
		writeEstates(t, rows)
	}
}

func measureEstate(t *testing.T, e estate) (m measured) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m = e.live(t)
	})
	return m
}

// live has the nights come until every image has its AMI.
func (e estate) live(t *testing.T) measured {
	random := rand.New(rand.NewPCG(e.seed, 2))
	durations := map[string]time.Duration{}
	m := measured{estate: e, calls: map[string]int{}, documents: map[notify.Type]int{}}
	ended := map[string]time.Time{} // by task id
	w := newWorld(t, worldOptions{
		seed: e.seed,
		appStream: appstream.Options{
			MaxConcurrentExports: e.limit,
			ExportDuration:       func(imageName, _ string) time.Duration { return durations[imageName] },
		},
		observe: func(a *awaited) {
			m.calls[a.call.Action]++
			switch {
			case a.call.Action != "CreateExportImageTask":
			case a.status == 200:
				m.starts++
			default:
				m.vain++
			}
		},
	})
	defer w.close()
	begun := time.Now()
	for i := range e.images {
		name := fmt.Sprintf("image-%04d", i)
		durations[name] = shortestExport + time.Duration(random.Int64N(int64(longestExport-shortestExport)))
		w.appStream.PutImage(appstream.Image{Name: name, CreatedTime: begun.Add(-24 * time.Hour)})
	}
	// The next night's schedule comes whether or not the last one's work is done.
	for !allMarked(w, e.images) && m.nights < 60 {
		night := begun.AddDate(0, 0, m.nights).Add(scheduled)
		w.at(night, func() { w.fireSchedule(night) })
		m.nights++
		for hour := range 24 {
			if w.run(begun.AddDate(0, 0, m.nights-1).Add(time.Duration(hour+1) * time.Hour)); allMarked(w, e.images) {
				break
			}
		}
		w.trim(&m)
	}
	w.settle(10 * 24 * time.Hour)
	w.trim(&m)

	m.ideal = listScheduling(e, durations)
	first, last := begun.AddDate(1, 0, 0), begun
	for _, task := range w.appStream.Tasks() {
		ended[task.TaskID] = task.Created.Add(durations[task.ImageName])
		first, last = earlier(first, task.Created), laterOf(last, ended[task.TaskID])
	}
	m.makespan = last.Sub(first)
	m.unexported = e.images - len(ended)
	m.overLate = -time.Hour
	for _, p := range w.mailbox {
		m.documents[p.document.Type]++
		if p.document.Type != notify.ExportCompleted {
			continue
		}
		end := ended[p.document.Task.TaskID]
		late := p.at.Sub(end)
		m.lateness = append(m.lateness, late)
		m.overLate = max(m.overLate, late-time.Minute-end.Sub(*p.document.Task.CreatedDate)/32)
	}
	slices.Sort(m.lateness)
	m.receives = w.work.mostReceives
	return m
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// trim forgets the calls that were counted: days of them would fill the memory.
func (w *world) trim(m *measured) {
	w.calls = w.calls[:0]
}

func allMarked(w *world, images int) bool {
	marked := 0
	for _, image := range w.appStream.Images() {
		if image.Tags["appstream-ami-exporter:ami-name"] != "" {
			marked++
		}
	}
	return marked == images
}

// listScheduling is the makespan where each image, in their order, takes the place of the first export that ends.
func listScheduling(e estate, durations map[string]time.Duration) time.Duration {
	places := make([]time.Duration, e.limit)
	for i := range e.images {
		next := slices.Index(places, slices.Min(places))
		places[next] += durations[fmt.Sprintf("image-%04d", i)]
	}
	return slices.Max(places)
}

func (m measured) ratio() float64 { return float64(m.makespan) / float64(m.ideal) }

func (m measured) late(part float64) time.Duration {
	if len(m.lateness) == 0 {
		return 0
	}
	return m.lateness[int(part*float64(len(m.lateness)-1))]
}

// row is the estate's row of the table.
func (m measured) row() string {
	per := func(actions ...string) string {
		sum := 0
		for _, action := range actions {
			sum += m.calls[action]
		}
		return fmt.Sprintf("%.2f", float64(sum)/float64(m.images))
	}
	return fmt.Sprintf("| %d | %d | %d | %.1f h | %.3f | %d | %s | %s | %s | %s | %s | %s | %s | %s | %d | %d |",
		m.images, m.limit, m.nights, m.makespan.Hours(), m.ratio(), m.vain,
		m.late(0.5).Round(time.Second), m.late(1).Round(time.Second),
		per("DescribeImages"), per("ListExportImageTasks"), per("ListTagsForResource"), per("GetExportImageTask"),
		per("TagResource"), per("SendMessage", "ChangeMessageVisibility"), m.receives, m.documents[notify.ExportGivenUp])
}

const estateHead = `| images | at a time | nights | took | to the ideal | starts in vain | told late, median | at most | ` +
	"`DescribeImages` | `ListExportImageTasks` | `ListTagsForResource` | `GetExportImageTask` | `TagResource` | to SQS | " +
	`most receives | given up |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
`

const (
	estateBegin = "<!-- Written by make estate: begin -->\n"
	estateEnd   = "<!-- Written by make estate: end -->"
)

func writeEstates(t *testing.T, rows []measured) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "PERFORMANCE.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), estateBegin)
	_, after, okEnd := strings.Cut(rest, estateEnd)
	if !ok || !okEnd {
		t.Fatalf("%s has no place for the table", path)
	}
	var table strings.Builder
	table.WriteString(estateHead)
	for _, m := range rows {
		table.WriteString(m.row() + "\n")
	}
	if err := os.WriteFile(path, []byte(before+estateBegin+table.String()+estateEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// check holds the night to its promise.
func (m measured) check(t *testing.T) {
	t.Helper()
	const firstBurst = 8 // starts go out at a time, before the limit is known
	if m.unexported != 0 || m.starts != m.images {
		t.Errorf("%d starts for %d images, %d of which have no task", m.starts, m.images, m.unexported)
	}
	if m.documents[notify.ExportStarted] != m.images || m.documents[notify.ExportCompleted] != m.images || len(m.documents) != 2 {
		t.Errorf("told was %v, want %d starts and ends and nothing else", m.documents, m.images)
	}
	if m.ratio() > 1.05 {
		t.Errorf("it took %.3f of the ideal time", m.ratio())
	}
	if m.vain > m.images+firstBurst {
		t.Errorf("%d starts were in vain", m.vain)
	}
	if m.late(0.5) > 75*time.Second || m.overLate > 2*time.Second { // the calls of the look itself take their time
		t.Errorf("ends were told %s late (median), and %s later than a look may come", m.late(0.5), m.overLate)
	}
	if reads := m.calls["ListTagsForResource"]; reads > 4*m.images {
		t.Errorf("tags were read %d times", reads)
	}
	if m.receives >= 1000 {
		t.Errorf("a message was received %d times", m.receives)
	}
}
