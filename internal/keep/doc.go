// Package keep decides what becomes of the AMIs that the exporter made, and does it: which are kept and which retired, which are
// copied to other Regions, what the pointers name. It is level-triggered: a Pass observes everything, plans (plan.go, pure) and
// acts (act.go), each time from the beginning; its only memory are the tags on the AMIs. It may be killed anywhere, and passes
// may overlap.
//
// What a death between two steps leaves behind:
//
//	tell, :told deprecating@T | Deprecate | :retire-at     the DeprecationTime is known as the keeper's own by :told, and taken back
//	:retired | Deregister                                  the AMI stays, as one that a person brought back
//	Deregister | AmiID of the image's mark, telling        the mark names an AMI that is gone; nobody is told
//	:copies | Copy                                         an hour later the copy is looked for, then tried again
//	telling | :told, :complete                             told again, with the same id
package keep
