package keep

import "time"

// MarkOf is the mark that a keeper with these settings puts on an AMI.
func MarkOf(c Config, amiID string, at time.Time) string {
	return mark{at: at, amiID: amiID, print: c.print()}.String()
}

// Midnight is the first midnight that is not before t.
func Midnight(location *time.Location, t time.Time) time.Time { return midnights{location}.after(t) }

// CopyTags are the tags of a copy.
func CopyTags(source AMI, region string) map[string]string { return copyTags(source, region) }
