package keep

import (
	"fmt"
	"slices"
	"strings"
)

// maxImportSize is the largest volume that AppStream imports, in GiB.
const maxImportSize = 500

// Obstacles compares what EC2 shows of an AMI with AppStream's published rules for importing AMIs and returns what speaks
// against an import, each in a sentence; none is no proof that the import would succeed.
// https://docs.aws.amazon.com/appstream2/latest/developerguide/import-image.html
func Obstacles(ami AMI, account string) []string {
	var found []string
	add := func(wrong bool, format string, args ...any) {
		if wrong {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	shown := func(value string) string {
		if value == "" {
			return "not told"
		}
		return value
	}
	var volumes []BlockDevice
	for _, device := range ami.BlockDevices {
		if device.SnapshotID != "" {
			volumes = append(volumes, device)
		}
	}
	add(ami.OwnerID != account, "its owner is %s, not this account", shown(ami.OwnerID))
	add(len(volumes) != 1, "it has %d volumes, not one", len(volumes))
	add(slices.ContainsFunc(volumes, func(v BlockDevice) bool { return v.Encrypted }), "it is encrypted")
	if len(volumes) == 1 {
		volume := volumes[0]
		add(volume.DeviceName != "/dev/sda1", "its volume is %s, not /dev/sda1", shown(volume.DeviceName))
		add(volume.VolumeSize > maxImportSize || volume.VolumeSize <= 0, "its volume has %d GiB, and at most %d can be imported",
			volume.VolumeSize, maxImportSize)
		add(volume.VolumeType != "gp2" && volume.VolumeType != "gp3", "the type of its volume is %s, not gp2 or gp3",
			shown(volume.VolumeType))
	}
	add(ami.Architecture != "x86_64", "its architecture is %s, not x86_64", shown(ami.Architecture))
	add(ami.VirtualizationType != "hvm", "its virtualization is %s, not hvm", shown(ami.VirtualizationType))
	add(!strings.HasPrefix(ami.BootMode, "uefi"), "its boot mode is %s, not uefi", shown(ami.BootMode))
	add(ami.TPMSupport != "v2.0", "its TPM is %s, not v2.0", shown(ami.TPMSupport))
	add(!ami.ENASupport, "it does not support ENA")
	add(ami.PlatformDetails != "Windows", "its platform is %s, not Windows", shown(ami.PlatformDetails))
	return found
}

// tellObstacles finds what speaks against importing the Region's complete AMIs, and tells it when it begins. Where the stack's own
// settings encrypt the copies, they are not news.
func (p *planner) tellObstacles(region planned) {
	for _, d := range region.plan.Decisions {
		if d.complete {
			d.Obstacles = Obstacles(d.AMI, p.Account)
		}
	}
	if p.CopyKMSKeys[region.plan.Region] != "" && !region.home {
		return
	}
	region.plan.families(func(_ Family, decisions []*Decision) {
		usable := slices.DeleteFunc(slices.Clone(decisions), func(d *Decision) bool { return !d.usable() })
		for i, d := range usable {
			if len(d.Obstacles) == 0 {
				continue
			}
			// What held for the AMI before it is no news.
			before := usable[i+1 : min(i+2, len(usable))]
			same := slices.DeleteFunc(slices.Clone(before), func(b *Decision) bool { return !slices.Equal(b.Obstacles, d.Obstacles) })
			region.plan.tell(News{kind: newsNotImportable, word: toldNotImportable, Decisions: []*Decision{d}}, same)
		}
	})
}
