package appstream_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/appstream"
	"github.com/aws/aws-sdk-go-v2/service/appstream/types"
	"github.com/google/go-cmp/cmp"

	"appstream-ami-exporter/internal/localaws/appstream"
)

func TestGetsUnknownTask(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	for _, id := range []*string{nil, aws.String("3f0c2f0e-8a55-4c1c-9f0e-0d3c5b0c7a11")} {
		_, err := scene.client.GetExportImageTask(t.Context(), &sdk.GetExportImageTaskInput{TaskId: id})
		wantError(t, err, "ResourceNotFoundException", "")
	}
}

func TestRefusesFilters(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	_, err := scene.client.ListExportImageTasks(t.Context(), &sdk.ListExportImageTasksInput{
		Filters: []types.Filter{{Name: aws.String("State"), Values: []string{"EXPORTING"}}},
	})
	wantError(t, err, "OperationNotPermittedException", "no filter names")
}

func TestPagesTasks(t *testing.T) {
	scene := newScene(t, appstream.Options{})
	scene.PutImage(appstream.Image{Name: "win"})
	var want []string
	for n := range 1200 {
		want = append(want, scene.mustExport(t, "win", fmt.Sprintf("win-%d", n)))
	}
	tests := []struct {
		name  string
		size  *int32
		pages []int
	}{
		{"by default", nil, slices.Repeat([]int{50}, 24)},
		{"the greatest", aws.Int32(500), []int{500, 500, 200}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var ids []string
			var pages []int
			input := &sdk.ListExportImageTasksInput{MaxResults: test.size}
			for {
				page, err := scene.client.ListExportImageTasks(t.Context(), input)
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, len(page.ExportImageTasks))
				for _, task := range page.ExportImageTasks {
					ids = append(ids, *task.TaskId)
				}
				if page.NextToken == nil {
					break
				}
				input.NextToken = page.NextToken
			}
			if diff := cmp.Diff(test.pages, pages); diff != "" {
				t.Errorf("page sizes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}
