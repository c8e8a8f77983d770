package stack

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// AWS has its services in several partitions, of which not all offer the same; the template is deployed to any.
func TestProjectPartitions(t *testing.T) {
	type deployed struct{ dashboard, recursiveLoop any }
	const path = "/cloudwatch/home?region=eu-west-1#dashboards/dashboard/appstream-ami-exporter-ExportDashboard"
	for partition, want := range map[string]deployed{
		"aws":        {"https://console.aws.amazon.com" + path, "Allow"},
		"aws-us-gov": {"https://console.amazonaws-us-gov.com" + path, nil},
		"aws-cn":     {"https://console.amazonaws.cn" + path, nil},
		"aws-eusc":   {"https://eu-west-1.console.amazonaws-eusc.eu" + path, nil},
		"aws-iso":    {nil, nil},
		"aws-iso-b":  {nil, nil},
		"aws-new":    {nil, nil},
	} {
		parameters := map[string]string{"AWS::Partition": partition}
		loaded, err := load(parameters)
		if err != nil {
			t.Errorf("%s: %v", partition, err)
			continue
		}
		summary, err := loaded.Summary(nil)
		if err != nil {
			t.Errorf("%s: %v", partition, err)
			continue
		}
		var got deployed
		if url, ok := summary.Outputs["DashboardUrl"]; ok {
			got.dashboard = url
		}
		got.recursiveLoop = projectResources(t, "AWS::Serverless::Function", parameters)["ExportFunction"]["RecursiveLoop"]
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(deployed{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", partition, diff)
		}
	}
	// Without a dashboard there is nothing to lead to.
	loaded, err := load(map[string]string{"Dashboard": "DISABLED"})
	if err != nil {
		t.Fatal(err)
	}
	summary, err := loaded.Summary(nil)
	if url, ok := summary.Outputs["DashboardUrl"]; ok || err != nil {
		t.Errorf("the dashboard that is not made is at %q, %v", url, err)
	}
}
