package appstream

import (
	"slices"
	"time"

	"appstream-ami-exporter/internal/localaws/awsreply"
)

// ListExportImageTasks's pages, from its documentation; its model also allows 0, without a meaning.
const (
	tasksPerPage    = 50
	maxTasksPerPage = 500
)

type getExportInput struct{ TaskId *string }

func (s *Server) getExportImageTask(now time.Time, input getExportInput) (exportOutput, error) {
	var v validation
	v.text("taskId", input.TaskId, taskIDRule)
	if err := v.err(); err != nil {
		return exportOutput{}, err
	}
	if input.TaskId == nil { // the model does not require it
		return exportOutput{}, awsreply.Refuse("ResourceNotFoundException", "No export task was named.")
	}
	for _, task := range s.tasks {
		if task.TaskID == *input.TaskId && !task.Forgotten {
			return exportOutput{ExportImageTask: s.show(task.at(now))}, nil
		}
	}
	return exportOutput{}, awsreply.Refuse("ResourceNotFoundException", "The export task %s was not found.", *input.TaskId)
}

type listExportsInput struct {
	Filters []struct {
		Name   *string
		Values []string
	}
	MaxResults *int
	NextToken  *string
}

type listExportsOutput struct {
	ExportImageTasks []taskOutput
	NextToken        string `json:",omitempty"`
}

func (s *Server) listExportImageTasks(now time.Time, input listExportsInput) (listExportsOutput, error) {
	var v validation
	v.number("maxResults", input.MaxResults, 1, maxTasksPerPage)
	v.text("nextToken", input.NextToken, nonEmptyRule)
	if err := v.err(); err != nil {
		return listExportsOutput{}, err
	}
	if len(input.Filters) > 0 {
		return listExportsOutput{}, awsreply.Refuse("OperationNotPermittedException",
			"Filters are not emulated: AWS documents no filter names for ListExportImageTasks.")
	}

	size := tasksPerPage
	if input.MaxResults != nil {
		size = *input.MaxResults
	}
	remembered := slices.DeleteFunc(slices.Clone(s.tasks), func(task *storedTask) bool { return task.Forgotten })
	page, next, err := cutPage("ListExportImageTasks", remembered, input.NextToken, size)
	if err != nil {
		return listExportsOutput{}, err
	}
	output := listExportsOutput{ExportImageTasks: []taskOutput{}, NextToken: next}
	for _, task := range page {
		shown := s.show(task.at(now))
		if s.options.ListsNoTags {
			shown.TagSpecifications = nil
		}
		output.ExportImageTasks = append(output.ExportImageTasks, shown)
	}
	if s.options.ListsNewestFirst {
		slices.Reverse(output.ExportImageTasks)
	}
	return output, nil
}
