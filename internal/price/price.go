// Package price knows what AMIs cost, as far as it can be known: an upper bound.
package price

// SnapshotGiB is what a GiB of EBS snapshots costs in a month in us-east-1, in dollars. Most Regions cost a little more; on the other
// hand a snapshot holds only the blocks that were written, and shares them with those before it.
// https://aws.amazon.com/ebs/pricing/
const SnapshotGiB = 0.05
