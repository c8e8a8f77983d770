package docs

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// A dashboard has 24 columns; these are the pixels of one, and of one row.
const (
	columnWidth = 42
	rowHeight   = 34
	gap         = 4
)

// palette is for lines without a colour of their own, legible on light and dark.
var palette = []string{"#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#d62728", "#8c564b"}

// tables are made up; a column that only one of the dashboard's tables has tells which is which.
var tables = map[string][]map[string]string{
	"trigger": {
		{"@timestamp": "11-24 04:00", "trigger": "schedule", "images": "8", "started": "3", "waiting": "1", "skipped": "4",
			"rejected": "0"},
		{"@timestamp": "11-23 10:21", "trigger": "image-ready", "images": "1", "started": "1", "waiting": "0", "skipped": "0",
			"rejected": "0"},
		{"@timestamp": "11-23 04:00", "trigger": "schedule", "images": "7", "started": "2", "waiting": "0", "skipped": "5",
			"rejected": "0"},
	},
	"taskId": {
		{"@timestamp": "11-24 04:25", "message": "failed", "imageName": "win2025-office-12",
			"amiName": "win2025-office-12-20261121T101500Z", "reason": "The copy could not be completed.", "taskId": "9a0b6d52-7a3e-..."},
		{"@timestamp": "11-22 09:02", "message": "reject", "imageName": "win2022-old", "reason": "the image was not found"},
	},
	"level": {
		{"@timestamp": "11-24 04:41", "level": "WARN", "message": "the request waits", "imageName": "win2022-cad-3",
			"why": "ThrottlingException"},
	},
	"latest": {
		{"reason": "already exported", "images": "4", "latest": "11-24 04:00"},
		{"reason": "platform ROCKY_LINUX8 cannot be exported", "images": "1", "latest": "11-24 04:00"},
	},
}

type drawing struct{ strings.Builder }

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *drawing) text(class string, x, y int, text string) {
	d.add(`<text class="%s" x="%d" y="%d">%s</text>`, class, x, y, html.EscapeString(text))
}

func draw(widgets []widget) string {
	height := 0
	for _, w := range widgets {
		height = max(height, (w.Y+w.Height)*rowHeight)
	}
	width := 24 * columnWidth
	var d drawing
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title" `+
		`font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="11">`, width, height, width, height)
	d.add(`<!-- Drawn from template.yaml by: go test ./internal/docs -update -->`)
	d.add(`<title id="title">A drawing of the CloudWatch dashboard with made-up numbers</title>`)
	d.add(`<style>
.page { fill: #f2f3f3; } .card { fill: #ffffff; stroke: #d5dbdb; } text { fill: #16191f; }
.title { font-size: 13px; font-weight: 600; } .quiet { fill: #545b64; } .big { font-size: 22px; }
.grid { stroke: #d5dbdb; } .ok { fill: #dafbe1; stroke: #1a7f37; } .bad { fill: #ffebe9; stroke: #cf222e; }
@media (prefers-color-scheme: dark) {
.page { fill: #0f1b2a; } .card { fill: #192534; stroke: #414d5c; } text { fill: #e9ebed; } .quiet { fill: #9ba7b6; }
.grid { stroke: #414d5c; } .ok { fill: #0f2f19; stroke: #3fb950; } .bad { fill: #3c1618; stroke: #f85149; }
}
</style>`)
	d.add(`<rect class="page" width="%d" height="%d"/>`, width, height)
	for i, w := range widgets {
		d.widget(w, i)
	}
	d.add(`</svg>`)
	return d.String()
}

func (d *drawing) widget(w widget, seed int) {
	x, y, width, height := w.X*columnWidth+gap, w.Y*rowHeight+gap, w.Width*columnWidth-2*gap, w.Height*rowHeight-2*gap
	d.add(`<rect class="card" x="%d" y="%d" width="%d" height="%d" rx="4"/>`, x, y, width, height)
	d.text("title", x+10, y+20, w.Properties.Title)
	switch {
	case w.Type == "text":
		for i, line := range strings.Split(strings.ReplaceAll(w.Properties.Markdown, "*", ""), "\n") {
			class := "quiet"
			if heading, ok := strings.CutPrefix(line, "## "); ok {
				class, line = "title", heading
			}
			d.text(class, x+10, y+22+20*i, line)
		}
	case w.Type == "alarm":
		d.alarms(w, x, y, width)
	case w.Type == "log":
		d.table(w, x, y, width)
	case w.Properties.View == "singleValue":
		d.numbers(w, x, y, width)
	default:
		d.chart(w, x, y, width, height, seed)
	}
}

func (d *drawing) alarms(w widget, x, y, width int) {
	const perRow = 6
	each := (width - 20) / perRow
	for i, alarm := range w.Properties.Alarms {
		class := "ok"
		if strings.HasPrefix(alarm, "ExportFailed") {
			class = "bad"
		}
		left, top := x+10+i%perRow*each, y+32+i/perRow*28
		d.add(`<rect class="%s" x="%d" y="%d" width="%d" height="22" rx="3"/>`, class, left, top, each-8)
		d.text("", left+8, top+15, strings.TrimSuffix(alarm, ".Arn"))
	}
}

// wide are columns whose texts are long.
var wide = map[string]int{"amiName": 4, "reason": 4, "why": 3, "imageName": 2, "@timestamp": 2, "taskId": 2, "trigger": 2, "message": 3}

func (d *drawing) table(w widget, x, y, width int) {
	columns := w.columns()
	var rows []map[string]string
	total := 0
	for _, column := range columns {
		if tables[column] != nil {
			rows = tables[column]
		}
		total += max(1, wide[column])
	}
	left := x + 10
	for _, column := range columns {
		d.text("quiet", left, y+44, column)
		for i, row := range rows {
			if row[column] != "" {
				d.text("", left, y+66+20*i, row[column])
			}
		}
		left += (width - 20) * max(1, wide[column]) / total
	}
	d.add(`<path class="grid" d="M%d %dH%d"/>`, x+10, y+50, x+width-10)
}

func (d *drawing) numbers(w widget, x, y, width int) {
	labels, colours := w.labels()
	each := (width - 20) / 3
	for i, label := range labels {
		left, top := x+14+i%3*each, y+64+i/3*64
		d.add(`<text class="big" x="%d" y="%d">%d</text>`, left, top, []int{7, 12, 10, 1, 1, 0, 4, 2}[i%8])
		d.add(`<rect x="%d" y="%d" width="9" height="9" fill="%s"/>`, left, top+10, colours[i])
		d.text("quiet", left+14, top+18, label)
	}
}

func (d *drawing) chart(w widget, x, y, width, height, seed int) {
	left, right, top, bottom := x+14, x+width-14, y+36, y+height-58
	for i := range 4 {
		d.add(`<path class="grid" d="M%d %dH%d"/>`, left, top+(bottom-top)*i/3, right)
	}
	labels, colours := w.labels()
	const nights = 7
	for i := range labels {
		var path strings.Builder
		for step := range nights * 4 {
			// One peak a night, of a height that hangs on nothing but the place of the line.
			value := 0.05
			if step%4 == 1 {
				value = 0.25 + 0.6*math.Abs(math.Sin(float64(seed*7+i*3+step)))/float64(2*i+1)
			}
			if strings.Contains(w.Properties.Title, "Errors") {
				value = 0.02 * float64(i)
			}
			command := "L"
			if step == 0 {
				command = "M"
			}
			fmt.Fprintf(&path, "%s%d %d", command, left+(right-left)*step/(nights*4-1), bottom-int(value*float64(bottom-top)))
		}
		d.add(`<path d="%s" fill="none" stroke="%s" stroke-width="1.6"/>`, path.String(), colours[i])
	}
	at, line := left, bottom+18
	for i, label := range labels {
		length := 26 + 6*len(label)
		if at+length > right && at > left {
			at, line = left, line+15
		}
		d.add(`<rect x="%d" y="%d" width="9" height="9" fill="%s"/>`, at, line-9, colours[i])
		d.text("quiet", at+13, line, label)
		at += length
	}
}
