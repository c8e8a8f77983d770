package export

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"
)

// What the trigger has started is told once, whether its image is still there or not.
func TestOwnExportOfAnImageThatIsGone(t *testing.T) {
	announced := func(name string) string {
		return name + ": announce, task task-" + name + ": started by this trigger before"
	}
	foreign := taskOf("foreign", "EXPORTING", own, of("arn:aws:appstream:eu-west-1:999999999999:image/foreign"))
	tests := map[string]struct {
		order Order
		tasks []Task
		told  []string
	}{
		"a sweep": {sweep(t), []Task{taskOf("gone", "EXPORTING", own), taskOf("win", "EXPORTING", own)},
			[]string{announced("gone"), announced("win")}},
		"a request": {request(t, "gone", "win"), []Task{taskOf("gone", "EXPORTING", own)},
			[]string{announced("gone"), "win: export, task task-win"}},
		"another trigger's":  {sweep(t), []Task{taskOf("gone", "EXPORTING")}, []string{"win: export, task task-win"}},
		"of another account": {sweep(t), []Task{foreign}, []string{"win: export, task task-win"}},
		"asked for, but not begun": {request(t, "gone"), []Task{taskOf("win", "EXPORTING", own)},
			[]string{"gone: reject: the image was not found", announced("win")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			appStream := &fake{images: []types.Image{image("win")}, tasks: test.tasks}
			told, _ := appStream.run(t, t.Context(), test.order)
			if diff := cmp.Diff(test.told, told); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}
