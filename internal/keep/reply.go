package keep

import "time"

// mostAMIs of a plan are told: with the longest names they stay below the 6 MB that Lambda carries. The log names all.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const mostAMIs = 7_000

// Reply is what an invocation answers: of a dry run the fate of every AMI, with its reason, and of a pass that acts how many AMIs
// have which fate.
type Reply struct {
	DryRun  bool          `json:"dryRun"`
	Mode    string        `json:"mode"` // of retirement: PLAN or ON
	Keep    string        `json:"keep,omitempty"`
	Regions []RegionReply `json:"regions"`
}

// RegionReply is one Region's part of it.
type RegionReply struct {
	Region string       `json:"region"`
	Unread []string     `json:"unread,omitempty"` // why nothing is retired here
	Fates  map[Fate]int `json:"fates"`
	AMIs   []AMIReply   `json:"amis,omitempty"` // in a dry run
	More   int          `json:"more,omitempty"` // AMIs that have no room in the reply
}

// AMIReply is the fate of one AMI.
type AMIReply struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Family     string    `json:"family,omitempty"`
	ImageName  string    `json:"imageName,omitempty"`
	ExportedAt time.Time `json:"exportedAt,omitzero"`
	GiB        int       `json:"gib,omitempty"` // of its volumes: more than its snapshots hold
	Fate       Fate      `json:"fate"`
	Reason     string    `json:"reason"`
	RetireAt   time.Time `json:"retireAt,omitzero"`
	Obstacles  []string  `json:"obstacles,omitempty"` // to an import into AppStream
}

// NewReply words a plan.
func NewReply(c Config, plan Plan, dryRun bool) Reply {
	reply := Reply{DryRun: dryRun, Mode: "PLAN", Keep: c.Keep.String(), Regions: []RegionReply{}}
	if c.On {
		reply.Mode = "ON"
	}
	told := 0
	for _, region := range plan.Regions {
		r := RegionReply{Region: region.Region, Unread: region.Unread, Fates: map[Fate]int{}}
		for _, d := range region.Decisions {
			r.Fates[d.Fate]++
			if !dryRun {
				continue
			}
			if told++; told > mostAMIs {
				r.More++
				continue
			}
			ami := AMIReply{
				ID: d.AMI.ID, Name: d.AMI.Name, Family: d.Family.Name, ImageName: d.ImageName, ExportedAt: d.ExportedAt,
				Fate: d.Fate, Reason: d.Reason, RetireAt: d.RetireAt, Obstacles: d.Obstacles,
			}
			for _, device := range d.AMI.BlockDevices {
				ami.GiB += device.VolumeSize
			}
			r.AMIs = append(r.AMIs, ami)
		}
		reply.Regions = append(reply.Regions, r)
	}
	return reply
}
