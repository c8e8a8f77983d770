package keep

import "time"

// Reply is what an invocation answers: the fate of every AMI, with its reason. Of a pass that acts it is what was planned.
type Reply struct {
	DryRun  bool          `json:"dryRun"`
	Mode    string        `json:"mode"` // of retirement: PLAN or ON
	Keep    string        `json:"keep,omitempty"`
	Regions []RegionReply `json:"regions"`
}

// RegionReply is one Region's part of it.
type RegionReply struct {
	Region string     `json:"region"`
	Unread []string   `json:"unread,omitempty"` // why nothing is retired here
	AMIs   []AMIReply `json:"amis"`
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
	for _, region := range plan.Regions {
		r := RegionReply{Region: region.Region, Unread: region.Unread, AMIs: []AMIReply{}}
		for _, d := range region.Decisions {
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
