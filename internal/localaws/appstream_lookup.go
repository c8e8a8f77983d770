package localaws

import (
	"slices"
	"time"
)

// ListExportImageTasks's pages, from its documentation; its model also allows 0, without a meaning.
const (
	asTasksPage    = 50
	asTasksPageMax = 500
)

type asGetExportInput struct{ TaskId *string }

func (a *AppStream) getExportImageTask(now time.Time, input asGetExportInput) (asExportOutput, error) {
	var v asValidation
	v.text("taskId", input.TaskId, asTaskID)
	if err := v.err(); err != nil {
		return asExportOutput{}, err
	}
	if input.TaskId == nil { // the model does not require it
		return asExportOutput{}, asErrorf("ResourceNotFoundException", "No export task was named.")
	}
	for _, task := range a.tasks {
		if task.TaskID == *input.TaskId && !task.Forgotten {
			return asExportOutput{ExportImageTask: showTask(task.at(now))}, nil
		}
	}
	return asExportOutput{}, asErrorf("ResourceNotFoundException", "The export task %s was not found.", *input.TaskId)
}

type asListExportsInput struct {
	Filters []struct {
		Name   *string
		Values []string
	}
	MaxResults *int
	NextToken  *string
}

type asListExportsOutput struct {
	ExportImageTasks []asTask
	NextToken        string `json:",omitempty"`
}

func (a *AppStream) listExportImageTasks(now time.Time, input asListExportsInput) (asListExportsOutput, error) {
	var v asValidation
	v.number("maxResults", input.MaxResults, 1, asTasksPageMax)
	v.text("nextToken", input.NextToken, asNonEmpty)
	if err := v.err(); err != nil {
		return asListExportsOutput{}, err
	}
	if len(input.Filters) > 0 {
		return asListExportsOutput{}, asErrorf("OperationNotPermittedException",
			"Filters are not emulated: AWS documents no filter names for ListExportImageTasks.")
	}

	size := asTasksPage
	if input.MaxResults != nil {
		size = *input.MaxResults
	}
	remembered := slices.DeleteFunc(slices.Clone(a.tasks), func(task *storedTask) bool { return task.Forgotten })
	page, next, err := asPage("ListExportImageTasks", remembered, input.NextToken, size)
	if err != nil {
		return asListExportsOutput{}, err
	}
	output := asListExportsOutput{ExportImageTasks: []asTask{}, NextToken: next}
	for _, task := range page {
		shown := showTask(task.at(now))
		if a.options.ListsNoTags {
			shown.TagSpecifications = nil
		}
		output.ExportImageTasks = append(output.ExportImageTasks, shown)
	}
	if a.options.ListsNewestFirst {
		slices.Reverse(output.ExportImageTasks)
	}
	return output, nil
}
