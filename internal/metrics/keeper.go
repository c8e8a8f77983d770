package metrics

// What the keeper counts.
const (
	KeeperPasses       Name = "KeeperPasses"
	AMIsKept           Name = "AMIsKept"
	AMIsToRetire       Name = "AMIsToRetire" // no rule keeps them, and they are not marked yet
	AMIsRetiring       Name = "AMIsRetiring" // marked
	AMIsLeft           Name = "AMIsLeft"     // not judged
	AMIsMarked         Name = "AMIsMarked"
	AMIsRetired        Name = "AMIsRetired"
	AMIsNotRetired     Name = "AMIsNotRetired"
	AMIsCopied         Name = "AMIsCopied"
	CopiesFailed       Name = "CopiesFailed"
	PointersFailed     Name = "PointersFailed"
	RegionsUnread      Name = "RegionsUnread"      // in which nothing could be retired
	RetirementsStopped Name = "RetirementsStopped" // by the fence, or since nobody hears or nothing could be undone
	RetirementDaysLate Name = "RetirementDaysLate" // by which RetireAtMost puts off the retirement of the last
)
