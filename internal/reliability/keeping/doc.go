// Package keeping lets the keeper live for years over the wire: with the SDK's clients, against the local EC2, Systems Manager,
// Recycle Bin and AppStream, as the template configures it and with the rights that the template gives it. It has tests only, which
// are not built under the race detector: the SDK's client of EC2 takes minutes to compile there.
package keeping
