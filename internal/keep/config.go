package keep

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Config is the behaviour of one deployed keeper.
type Config struct {
	Stack     string // <stack name>@<Region>: the tag :stack of its AMIs
	Partition string
	Account   string
	Home      string // the Region of the stack

	Keep         Rules
	On           bool // whether AMIs are marked and deregistered; otherwise that is only planned, and marks are taken back
	Families     Families
	Location     *time.Location // of days, weeks, months and of the midnight at which AMIs are retired
	GraceDays    int            // from the mark to the retirement
	UnusedDays   int            // launched within so many days is in use
	RetireAtMost int            // for each family, Region and day of retirement
	UndoDays     int            // 0: an AMI may be deregistered where Recycle Bin does not keep it

	CopyRegions   []string
	CopyKMSKeys   map[string]string // key ARN by Region
	PointerPrefix string            // "" or a path: /appstream-amis
	OwnTopic      bool              // whether the stack made the topic, and so somebody has to have subscribed to it
}

// print is a hash of what decides when AMIs are retired: an AMI that was marked under other settings is judged anew.
func (c Config) print() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		c.Keep.String(), c.Families.String(), c.Location.String(), strconv.Itoa(c.UnusedDays), strconv.Itoa(c.GraceDays),
	}, "\n")))
	return hex.EncodeToString(sum[:printBytes])
}

// printBytes of the hash are enough to tell settings apart, which nobody chooses to collide, and keep the mark readable.
const printBytes = 8

// pointer is the name of the parameter that names a family's newest AMI.
func (c Config) pointer(family Family) string { return c.PointerPrefix + "/" + family.Name }
