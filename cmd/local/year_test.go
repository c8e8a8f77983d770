package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"appstream-ami-exporter/internal/localaws/ec2"
	"appstream-ami-exporter/internal/localaws/localtest"
	"appstream-ami-exporter/internal/localaws/template"
)

// The first months of the year, in which most of what happens in it has happened once.
func TestYear(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: builds the keeper and plays three months")
	}
	t.Parallel()
	s := scene{keeper: localtest.PlayedKeeper(t), template: filepath.Join(localtest.Root(t), "template.yaml")}
	var screen bytes.Buffer
	if err := year(t.Context(), &screen, s, newYear.AddDate(0, 3, 0)); err != nil {
		t.Fatalf("%v\n%s", err, &screen)
	}
	for _, pattern := range []string{
		`(?m)^2027-01 +31 +31 +\d\d +\| +\d\d +\d\d +\d\d +\| +\$\d+ +\$\d+$`,
		`(?m)^2027-03 +31 +31 +[1-9]\d +\| `,
		`(?m)^in all +89 +89 +\d+ +\| +\| +\$\d+ +\$\d+$`,
		`2027-02-10  the export of win2022-base-2 fails`,
		`2027-03-15  a launch template is made to use \S+, which was to be retired: it stays`,
		`Notifications: \d+ AmiCopied, \d+ AmisRetired, \d+ AmisRetiring\.`,
		`The compiled keeper made 103 passes in `,
	} {
		if !regexp.MustCompile(pattern).MatchString(screen.String()) {
			t.Errorf("the screen lacks %q:\n%s", pattern, &screen)
		}
	}
}

// What a keeper has deregistered that it must not is not passed over, and neither is one that has kept too little.
func TestYearIsChecked(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: builds the keeper")
	}
	t.Parallel()
	y, err := begin(t.Context(), scene{keeper: localtest.PlayedKeeper(t), template: filepath.Join(localtest.Root(t), "template.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := y.account.Close(); err != nil {
			t.Error(err)
		}
	})
	amis := y.account.Regional.EC2
	foreign := amis.Images(template.Region)[0]
	amis.EditImage(template.Region, foreign.ID, func(i *ec2.Image) { i.Deregistered = y.now() })
	used := amis.PutImage(pastAMI("win2022-base-1", 1))
	amis.EditImage(template.Region, used, func(i *ec2.Image) { i.Name, i.Deregistered = "used", y.now() })
	y.stay, y.months = []string{"used"}, []month{{gib: 100, all: 100}}
	err = y.check()
	for _, says := range []string{
		"golden-web in eu-west-1, which is not the stack's, is deregistered", "used is deregistered",
		"of base in eu-west-1 only 0 AMIs are left",
		"of base in us-east-1 only 0 AMIs are left", "of 100 GiB 100 are left",
	} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the check does not say %q: %v", says, err)
		}
	}
}
