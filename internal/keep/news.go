package keep

import (
	"unicode/utf8"

	"appstream-ami-exporter/internal/tags"
)

// News is something that is told once of each AMI: the tag :told remembers it by the word.
type News struct {
	kind      newsKind
	word      string
	Decisions []*Decision
	about     *Decision // what the document is about, where that is not what remembers it
	region    string    // where the copy was to go
	detail    string    // what went wrong
}

type newsKind int

const (
	newsByHand newsKind = iota
	newsNotImportable
	newsNameClash
	newsUnheard
	newsNoUndo
	newsForeignPointer
	newsNoCopy
	newsNoPointer
	newsNoFence
	newsNotRetired
)

// tell plans to tell of the decisions that are meant, if that has not been told and can be remembered.
func (r *RegionPlan) tell(kind newsKind, word string, meant func(*Decision) bool) {
	news := News{kind: kind, word: word}
	for _, d := range r.Decisions {
		if meant(d) && canRemember(d.AMI, word) {
			news.Decisions = append(news.Decisions, d)
		}
	}
	if len(news.Decisions) == 0 {
		return
	}
	for i, other := range r.News {
		if other.kind == kind && other.word == word && other.detail == "" {
			r.News[i].Decisions = append(r.News[i].Decisions, news.Decisions...)
			return
		}
	}
	r.News = append(r.News, news)
}

// maxTagValue is what EC2 takes.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
const maxTagValue = 256

// canRemember tells whether the word is new to the AMI's tag :told and has room there.
func canRemember(ami AMI, word string) bool {
	told := toldOf(ami)
	return !told.has(word) && hasRoom(ami, tags.Told) && utf8.RuneCountInString(told.with(word).String()) <= maxTagValue
}
