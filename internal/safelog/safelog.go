// Package safelog writes a log in which other people's text can do no harm.
package safelog

import (
	"context"
	"log/slog"
	"strings"
	"unicode"
)

// New keeps characters out of a log that a terminal or a viewer acts on instead of showing them. Other people's text comes in
// events and in the messages of services; encoding it as JSON leaves DEL and the control characters above it as they are.
func New(log *slog.Logger) *slog.Logger { return slog.New(safeLog{log.Handler()}) }

type safeLog struct{ next slog.Handler }

func (l safeLog) Enabled(ctx context.Context, level slog.Level) bool {
	return l.next.Enabled(ctx, level)
}

func (l safeLog) Handle(ctx context.Context, record slog.Record) error {
	safe := slog.NewRecord(record.Time, record.Level, sanitize(record.Message), record.PC)
	record.Attrs(func(attribute slog.Attr) bool {
		safe.AddAttrs(safeAttr(attribute))
		return true
	})
	return l.next.Handle(ctx, safe)
}

func (l safeLog) WithAttrs(attributes []slog.Attr) slog.Handler {
	safe := make([]slog.Attr, len(attributes))
	for i, attribute := range attributes {
		safe[i] = safeAttr(attribute)
	}
	return safeLog{l.next.WithAttrs(safe)}
}

func (l safeLog) WithGroup(name string) slog.Handler { return safeLog{l.next.WithGroup(name)} }

func safeAttr(attribute slog.Attr) slog.Attr {
	if attribute.Value.Kind() == slog.KindString {
		attribute.Value = slog.StringValue(sanitize(attribute.Value.String()))
	}
	return attribute
}

// sanitize has a semicolon between lines, which are the several errors of one, and a space for each other control character. It
// copies nothing where there is none.
func sanitize(text string) string {
	text = strings.ReplaceAll(text, "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}
