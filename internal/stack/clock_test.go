package stack

import (
	"archive/zip"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // where the system has no time zones
)

// Scheduler skips a night whose hour does not exist, as on the day when clocks go forward; the default exists everywhere, every day.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
func TestNightExistsInEveryTimeZone(t *testing.T) {
	var minute, hour int
	if _, err := fmt.Sscanf(projectStack(t, nil).Schedule.Expression, "cron(%d %d * * ? *)", &minute, &hour); err != nil {
		t.Fatal(err)
	}
	zones := 0
	for _, name := range timeZones(t) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		zones++
		// Ten years, as the rules of many zones are known by now.
		for number := range 3650 {
			day := time.Date(2026, 1, 1+number, hour, minute, 0, 0, zone)
			if day.Hour() != hour || day.Minute() != minute {
				t.Errorf("in %s there is no %02d:%02d on %s", name, hour, minute, day.Format(time.DateOnly))
				break
			}
		}
	}
	if zones < 400 {
		t.Errorf("%d time zones", zones)
	}
}

// timeZones are the names of all, from the database that comes with Go.
func timeZones(t *testing.T) (names []string) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	return names
}
